/*
 * output - what happens to a finished session: the summary counts it, the selection decides, the format writes it, the
 * sink takes it. The callback of the engine in daemon and replay alike.
 */
#pragma once

#include "io/sink.h"
#include "options.h"
#include "session/record.h"
#include "session/summary.h"

struct output {
	struct selection selection;
	enum format format;
	struct record_writer writer;
	struct buf line;
	struct sink *sink;	 /* NULL: print nothing */
	struct summary *summary; /* NULL: none wanted */
	uint64_t nr_oversized;	 /* lines above OUTPUT_LINE_MAX: dropped */
};

/* A session keeps 34 messages at most, each at most a frame; in JSON some four times as long. */
#define OUTPUT_LINE_MAX (32ULL << 20)

void output_init(struct output *out, const struct options *o, struct sink *sink, struct summary *summary);
void output_release(struct output *out);

/* For engine_callbacks.on_session; arg is the output. */
void output_session(void *arg, const struct session *s, const struct verdict *v);

/* One line in the log that adds up: frames, sessions, output. */
void output_log_accounting(const struct output *out, struct engine *engine, const struct sink_stats *sink);
