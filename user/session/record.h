/*
 * record - a finished session as one line of JSON: the contract's section 4. The only file that knows the names of its
 * fields.
 */
#pragma once

#include "classify.h"
#include "rfc3339.h"

struct record_writer {
	bool no_messages; /* leave Messages out */
	struct rfc3339 time;
};

/* Appends the line with its newline. Failure is the buf's. */
void record_write(struct record_writer *w, const struct session *s, const struct verdict *v, struct buf *out);
