/*
 * exposition - writer of the Prometheus text format 0.0.4: a family (# HELP, # TYPE), then its samples. Whoever calls
 * knows what is measured, this file how it is written. Failure is the buf's.
 */
#pragma once

#include "base/buf.h"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE };

struct exposition {
	struct buf *out;
	const char *name; /* of the family at hand, without the prefix */
};

/* `name` without the prefix dnstap_analyser_; help is one line. */
void exposition_family(struct exposition *x, const char *name, enum exposition_type type, const char *help);

/* A label's value may be any bytes: made valid UTF-8 and escaped. */
struct exposition_label {
	const char *name;
	struct slice value;
};

/* Up to four labels; the first without a name ends them. */
void exposition_sample(struct exposition *x, uint64_t value, const struct exposition_label labels[4]);
void exposition_ratio(struct exposition *x, uint64_t part, uint64_t whole, const struct exposition_label labels[4]);

#define LABEL(name_, text_)                                     \
	{                                                       \
		.name = (name_), .value = slice_from_str(text_) \
	}
#define LABELS(...) ((const struct exposition_label[4]){ __VA_ARGS__ })
#define NO_LABELS LABELS({ .name = NULL })
