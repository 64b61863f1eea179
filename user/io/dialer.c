#include "dialer.h"

#include <errno.h>
#include <event2/dns.h>
#include <stdio.h>
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
	struct evdns_base *resolver; /* made when a name must be resolved */
	struct evdns_getaddrinfo_request *lookup;
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

static void on_failed(struct dialer *d, const char *why)
{
	d->stats.nr_failed++;
	log_warn("cannot connect", F_STR("address", d->endpoint.text), F_STR("error", why),
		 F_UINT("next_try_s", d->pause_s));
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	dial_later(d);
}

static void on_producer_end(void *arg, enum producer_end end, bool has_started)
{
	struct dialer *d = arg;

	/* A connection that did its work starts the back-off anew; one that fails in the handshake does not. */
	if (has_started)
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
		on_failed(d, strerror(error));
		return;
	}
	d->fd = -1;
	d->stats.nr_connected++;
	log_info("connected", F_STR("address", d->endpoint.text));
	if (!producers_add(d->producers, fd, has_peer ? &peer : NULL, d->endpoint.text, on_producer_end, d))
		dial_later(d);
}

static void start_connecting(struct dialer *d)
{
	struct timeval patience = { .tv_sec = DIALER_CONNECT_S };

	d->fd = socket(d->address.sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0 ||
	    (connect(d->fd, (struct sockaddr *)&d->address.sockaddr, d->address.len) < 0 && errno != EINPROGRESS)) {
		on_failed(d, strerror(errno));
		return;
	}
	d->connected = event_new(d->base, d->fd, EV_WRITE | EV_TIMEOUT, on_connected, d);
	if (!d->connected || event_add(d->connected, &patience) < 0)
		on_failed(d, strerror(ENOMEM));
}

static void on_resolved(int error, struct evutil_addrinfo *found, void *arg)
{
	struct dialer *d = arg;

	if (error == EVUTIL_EAI_CANCEL)
		return;
	d->lookup = NULL;
	if (error) {
		on_failed(d, evutil_gai_strerror(error));
		return;
	}
	memcpy(&d->address.sockaddr, found->ai_addr, found->ai_addrlen);
	d->address.len = found->ai_addrlen;
	evutil_freeaddrinfo(found);
	start_connecting(d);
}

/* By libevent's own resolver, which does not block the loop. */
static void resolve(struct dialer *d)
{
	struct evutil_addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	char port[8];

	snprintf(port, sizeof(port), "%u", d->endpoint.port);
	if (!d->resolver)
		d->resolver =
			evdns_base_new(d->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!d->resolver) {
		on_failed(d, "no resolver: is there a resolv.conf?");
		return;
	}
	/* The callback may run at once, and then clears nothing that is set here. */
	d->lookup = evdns_getaddrinfo(d->resolver, d->endpoint.host, port, &hints, on_resolved, d);
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	struct dialer *d = arg;

	(void)unused;
	(void)what;
	if (endpoint_address(&d->endpoint, &d->address) == 0)
		start_connecting(d);
	else
		resolve(d);
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
	if (d->lookup)
		evdns_getaddrinfo_cancel(d->lookup);
	if (d->resolver)
		evdns_base_free(d->resolver, 0);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

const struct dialer_stats *dialer_stats(const struct dialer *d)
{
	return &d->stats;
}
