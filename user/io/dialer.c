#include "dialer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "peer.h"

struct dialer {
	struct event_base *base;
	struct producers *producers;
	struct endpoint endpoint;
	struct endpoint_address address;
	struct event *again, *connected;
	struct dialer_stats stats;
	unsigned pause_s;
	int fd; /* while it connects */
};

static void dial_later(struct dialer *d)
{
	struct timeval pause = { .tv_sec = d->pause_s };

	evtimer_add(d->again, &pause);
	d->pause_s = d->pause_s * 2 < DIALER_LAST_PAUSE_S ? d->pause_s * 2 : DIALER_LAST_PAUSE_S;
}

static void on_failed(struct dialer *d, int error)
{
	d->stats.nr_failed++;
	log_warn("cannot connect", F_STR("address", d->endpoint.text), F_STR("error", strerror(error)),
		 F_UINT("next_try_s", d->pause_s));
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	dial_later(d);
}

static void on_producer_end(void *arg, enum producer_end end)
{
	struct dialer *d = arg;

	/* A connection that did its work starts the back-off anew; one that fails in the handshake does not. */
	if (end == PRODUCER_FINISHED || end == PRODUCER_CLOSED)
		d->pause_s = DIALER_FIRST_PAUSE_S;
	if (end != PRODUCER_SHUTDOWN)
		dial_later(d);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct dialer *d = arg;
	struct addr peer;
	bool has_peer = peer_address(&d->address, &peer);
	socklen_t len = sizeof(int);
	int error = 0;

	if (what & EV_TIMEOUT)
		error = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	event_free(d->connected);
	d->connected = NULL;
	if (error) {
		on_failed(d, error);
		return;
	}
	d->fd = -1;
	d->stats.nr_connected++;
	log_info("connected", F_STR("address", d->endpoint.text));
	if (!producers_add(d->producers, fd, has_peer ? &peer : NULL, d->endpoint.text, on_producer_end, d))
		dial_later(d);
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	struct timeval patience = { .tv_sec = DIALER_CONNECT_S };
	struct dialer *d = arg;
	int err = endpoint_resolve(&d->endpoint, false, &d->address);

	(void)unused;
	(void)what;
	if (err) {
		on_failed(d, -err);
		return;
	}
	d->fd = socket(d->address.sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0 ||
	    (connect(d->fd, (struct sockaddr *)&d->address.sockaddr, d->address.len) < 0 && errno != EINPROGRESS)) {
		on_failed(d, errno);
		return;
	}
	d->connected = event_new(d->base, d->fd, EV_WRITE | EV_TIMEOUT, on_connected, d);
	if (!d->connected || event_add(d->connected, &patience) < 0)
		on_failed(d, ENOMEM);
}

struct dialer *dialer_new(struct event_base *base, struct producers *producers, const struct endpoint *endpoint)
{
	struct dialer *d = calloc(1, sizeof(*d));
	struct timeval now = { 0 };

	if (!d)
		return NULL;
	d->base = base;
	d->producers = producers;
	d->endpoint = *endpoint;
	d->pause_s = DIALER_FIRST_PAUSE_S;
	d->fd = -1;
	d->again = evtimer_new(base, dial, d);
	if (d->again && evtimer_add(d->again, &now) == 0)
		return d;
	dialer_free(d);
	return NULL;
}

void dialer_free(struct dialer *d)
{
	if (!d)
		return;
	if (d->again)
		event_free(d->again);
	if (d->connected)
		event_free(d->connected);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

const struct dialer_stats *dialer_stats(const struct dialer *d)
{
	return &d->stats;
}
