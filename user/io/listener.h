/*
 * listener - a listening socket, tcp or unix, that hands what it accepts to the producers.
 */
#pragma once

#include "endpoint.h"
#include "producer.h"

struct listener;

/*
 * Returns the listener, or NULL with errno set and the reason logged. A unix socket that nobody listens on any more is
 * replaced; `socket_mode` are its permissions. IPv6 sockets take IPv6 only, so that 0.0.0.0 and [::] may stand side by
 * side.
 */
struct listener *listener_new(struct event_base *base, struct producers *producers, const struct endpoint *endpoint,
			      unsigned socket_mode);

/* Closes it, and removes a unix socket's file. */
void listener_free(struct listener *l);
