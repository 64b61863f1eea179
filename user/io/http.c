#include "http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>

#include "base/addr.h"

struct http {
	struct evhttp *server;
	const struct http_path *paths;
	void *arg;
	struct buf body;
};

static const struct http_path *find(const struct http *h, const char *path)
{
	for (const struct http_path *p = h->paths; path && p->path; p++)
		if (strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct http *h = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const struct http_path *p = find(h, uri ? evhttp_uri_get_path(uri) : NULL);
	struct evbuffer *body = evbuffer_new();
	int status = 404;

	buf_reset(&h->body);
	if (p) {
		status = p->answer(h->arg, &h->body);
		evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", p->content_type);
		evhttp_add_header(evhttp_request_get_output_headers(request), "Cache-Control", "no-store");
	}
	if (h->body.failed || !body)
		status = 500;
	else
		evbuffer_add(body, h->body.data, h->body.len);
	evhttp_send_reply(request, status, NULL, body);
	if (body)
		evbuffer_free(body);
}

/* "10.0.0.1:9166", "[::]:9166" in two parts. */
static bool split(const char *at, char *address, size_t size, uint16_t *port)
{
	const char *colon = strrchr(at, ':');
	struct addr parsed;
	char *end;
	unsigned long n;
	size_t len;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return false;
	n = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - at);
	if (*end || n == 0 || n > UINT16_MAX || !addr_parse(slice_of(at, len), &parsed))
		return false;
	if (at[0] == '[') {
		at++;
		len -= 2;
	}
	if (len >= size)
		return false;
	memcpy(address, at, len);
	address[len] = 0;
	*port = (uint16_t)n;
	return true;
}

struct http *http_new(struct event_base *base, const char *at, const struct http_path *paths, void *arg,
		      const char **why)
{
	struct http *h = calloc(1, sizeof(*h));
	char address[ADDR_TEXT_MAX + 2];
	uint16_t port;

	*why = "expected ADDRESS:PORT with a numeric address, or off";
	if (!h || !split(at, address, sizeof(address), &port)) {
		free(h);
		return NULL;
	}
	h->paths = paths;
	h->arg = arg;
	buf_init(&h->body, HTTP_BODY_MAX);
	h->server = evhttp_new(base);
	errno = 0;
	if (!h->server || evhttp_bind_socket(h->server, address, port) < 0) {
		*why = errno ? strerror(errno) : "cannot be bound";
		http_free(h);
		return NULL;
	}
	evhttp_set_max_headers_size(h->server, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(h->server, 0);
	evhttp_set_timeout(h->server, HTTP_TIMEOUT_S);
	/* Other methods get 501 from evhttp. */
	evhttp_set_allowed_methods(h->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_gencb(h->server, on_request, h);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->server)
		evhttp_free(h->server);
	buf_release(&h->body);
	free(h);
}
