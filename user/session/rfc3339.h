/*
 * rfc3339 - times as RFC 3339 text in UTC with nine decimals. The second written last is remembered: in a stream the
 * next time is most often in the same one.
 */
#pragma once

#include "base/buf.h"

struct rfc3339 {
	uint64_t second;
	uint8_t text[20]; /* "2026-11-23T05:24:11." */
	bool is_set;
};

/* Appends "2026-11-23T05:24:11.123456789Z" for time_ns since 1970 (years 1970 to 2554). */
void rfc3339_write(struct rfc3339 *cache, uint64_t time_ns, struct buf *out);

/* Appends a duration as milliseconds with three decimals, rounded: "4003.418". */
void milliseconds_write(uint64_t duration_ns, struct buf *out);
