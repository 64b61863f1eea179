/*
 * summary - what a person wants to know of many sessions at once: counts by Status, BitMap, Cause and rcode, latency,
 * the slowest and the most failing names, clients and upstreams, and loss for each server. Tables of names, clients and
 * upstreams hold SUMMARY_KEYS_MAX entries each; sessions of further ones are counted under "others".
 */
#pragma once

#include "base/histogram.h"
#include "engine.h"

enum {
	SUMMARY_KEYS_MAX = 65536,
	SUMMARY_ROWS = 5, /* of each list of the printed summary */
};

struct summary;

/* NULL with errno set when there is no memory or no randomness. */
struct summary *summary_new(void);
void summary_free(struct summary *s);

void summary_add(struct summary *sum, const struct session *s, const struct verdict *v);

/* Appends the text, lines of at most 100 columns but for long names. Counts of frames and servers come from the engine.
 */
void summary_print(const struct summary *sum, struct engine *engine, struct buf *out);
