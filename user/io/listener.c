#include "listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "peer.h"

enum {
	ACCEPTS_PER_EVENT = 64, /* then the others' turn comes */
	LISTEN_BACKLOG = 1024,
	RETRY_MS = 200, /* out of descriptors: try again when some may have been closed */
};

struct listener {
	struct producers *producers;
	struct event *acceptable, *retry;
	struct endpoint endpoint;
	int fd;
};

static void pause_accepting(struct listener *l, int error)
{
	struct timeval pause = { .tv_usec = RETRY_MS * 1000 };

	log_errno(error, "accept failed", l->endpoint.text);
	event_del(l->acceptable);
	evtimer_add(l->retry, &pause);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	event_add(l->acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_PER_EVENT; i++) {
		struct endpoint_address from = { .len = sizeof(from.sockaddr) };
		char name[PEER_NAME_MAX];
		struct addr peer;
		bool has_peer;
		int conn = accept4(fd, (struct sockaddr *)&from.sockaddr, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				pause_accepting(l, errno);
			return;
		}
		has_peer = peer_address(&from, &peer);
		peer_name(has_peer ? &peer : NULL, l->endpoint.text, name);
		producers_add(l->producers, conn, has_peer ? &peer : NULL, name, NULL, NULL);
	}
}

/* A socket file that nobody answers on is left over from a process that was killed. */
static void remove_stale(const struct endpoint *endpoint, const struct endpoint_address *at)
{
	struct stat st;
	int fd;

	if (lstat(endpoint->path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&at->sockaddr, at->len) < 0 && errno == ECONNREFUSED)
		unlink(endpoint->path);
	close(fd);
}

static int open_socket(const struct endpoint *endpoint, unsigned socket_mode)
{
	struct endpoint_address at;
	int on = 1, err = endpoint_address(endpoint, &at), fd;

	if (err)
		return err;
	fd = socket(at.sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (endpoint->kind == ENDPOINT_UNIX)
		remove_stale(endpoint, &at);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at.sockaddr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at.sockaddr, at.len) < 0 ||
	    (endpoint->kind == ENDPOINT_UNIX && chmod(endpoint->path, socket_mode) < 0) ||
	    listen(fd, LISTEN_BACKLOG) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

struct listener *listener_new(struct event_base *base, struct producers *producers, const struct endpoint *endpoint,
			      unsigned socket_mode)
{
	struct listener *l = calloc(1, sizeof(*l));
	int err = ENOMEM;

	if (!l)
		return NULL;
	l->producers = producers;
	l->endpoint = *endpoint;
	l->fd = open_socket(endpoint, socket_mode);
	if (l->fd < 0) {
		err = -l->fd;
		goto fail;
	}
	l->acceptable = event_new(base, l->fd, EV_READ | EV_PERSIST, on_acceptable, l);
	l->retry = evtimer_new(base, on_retry, l);
	if (!l->acceptable || !l->retry || event_add(l->acceptable, NULL) < 0)
		goto fail;
	log_info("listening", F_STR("address", endpoint->text));
	return l;
fail:
	log_errno(err, "cannot listen", endpoint->text);
	listener_free(l);
	errno = err;
	return NULL;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	if (l->acceptable)
		event_free(l->acceptable);
	if (l->retry)
		event_free(l->retry);
	if (l->fd >= 0) {
		close(l->fd);
		if (l->endpoint.kind == ENDPOINT_UNIX)
			unlink(l->endpoint.path);
	}
	free(l);
}
