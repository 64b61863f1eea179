/*
 * text - a finished session as one line for a person's eye: time, Status, the messages seen (CQ, CR, FQ, FR, a dot for
 * each that is missing), Cause, client, question, rcode, duration, server, attempts.
 */
#pragma once

#include "classify.h"
#include "rfc3339.h"

/* Appends the line with its newline. `time` is the caller's cache. */
void text_write(struct rfc3339 *time, const struct session *s, const struct verdict *v, struct buf *out);

/* "CQ·FQ·" for a BitMap; valid UTF-8, eight columns wide. */
void text_bitmap(uint8_t bitmap, struct buf *out);

/* Identities come from strangers: nothing that a terminal would obey. */
void text_printable(struct buf *out, struct slice s);
