/*
 * dialer - connects to a CoreDNS that listens for dnstap receivers (`dnstap listen`, CoreDNS >= 1.14.4) and hands the
 * connection to the producers; when it ends, connects again, after one second at first, then after twice as long each
 * time up to half a minute.
 */
#pragma once

#include "endpoint.h"
#include "producer.h"

enum {
	DIALER_FIRST_PAUSE_S = 1,
	DIALER_LAST_PAUSE_S = 30,
	DIALER_CONNECT_S = 5, /* for a connection to come about */
};

struct dialer_stats {
	uint64_t nr_connected;
	uint64_t nr_failed; /* each is a window in which frames were lost */
};

struct dialer;

/* Begins at once. NULL without memory. */
struct dialer *dialer_new(struct event_base *base, struct producers *producers, const struct endpoint *endpoint);

/* Stops dialling. Free the producers first: they tell the dialer when they end. */
void dialer_free(struct dialer *d);

const struct dialer_stats *dialer_stats(const struct dialer *d);
