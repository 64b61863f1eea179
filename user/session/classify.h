/*
 * classify - the verdict over a session: the contract's sections 2 and 3 as a table of named rules, first that fits.
 */
#pragma once

#include "cause.h"
#include "session.h"

struct verdict {
	enum status status;
	enum cause cause;
	uint8_t lost;		   /* BIT_* of the kinds proven missing */
	uint8_t lost_by_structure; /* those that need no packets to prove it */
	uint8_t untapped;	   /* BIT_* of what was, and is never shown by this release */
	bool loss_suspected;
};

/* loss_suspected is the engine's to set: it depends on what other sessions of the stream have shown. */
struct verdict classify(const struct session *s);

/* What the rule that gave the verdict is called, for tests and debugging: "proven_loss". */
const char *classify_rule(const struct session *s);
