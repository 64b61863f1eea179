/*
 * http - a small server for what is read only: GET and HEAD of a few fixed paths (RFC 9110), over libevent's evhttp. It
 * knows nothing of what it serves. Bounds: the size of a request's header, no body, the time for a request; connections
 * are few, as each is answered at once and closed after HTTP_TIMEOUT_S of silence.
 */
#pragma once

#include <event2/event.h>

#include "base/buf.h"

enum {
	HTTP_HEADERS_MAX = 8192,
	HTTP_TIMEOUT_S = 5,
	HTTP_BODY_MAX = 16 << 20, /* of an answer */
};

struct http_path {
	const char *path; /* "/metrics" */
	const char *content_type;
	/* Writes the body and returns the status code. Called in the event loop. */
	int (*answer)(void *arg, struct buf *body);
};

struct http;

/*
 * Listens at "ADDRESS:PORT" ("[::]:9166" for IPv6). `paths` ends with a NULL path and must outlive the server. NULL
 * with *why set (a constant) when the text is no address, or errno's text when it cannot be bound.
 */
struct http *http_new(struct event_base *base, const char *at, const struct http_path *paths, void *arg,
		      const char **why);
void http_free(struct http *h);
