#include "output.h"

#include "session/text.h"

void output_init(struct output *out, const struct options *o, struct sink *sink, struct summary *summary)
{
	*out = (struct output){
		.selection = o->selection,
		.format = o->format,
		.writer = { .no_messages = o->no_messages },
		.sink = sink,
		.summary = summary,
	};
	buf_init(&out->line, OUTPUT_LINE_MAX);
}

void output_release(struct output *out)
{
	buf_release(&out->line);
}

void output_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct output *out = arg;

	if (out->summary)
		summary_add(out->summary, s, v);
	if (!out->sink || !selection_wants(&out->selection, s, v))
		return;
	buf_reset(&out->line);
	if (out->format == FORMAT_JSON)
		record_write(&out->writer, s, v, &out->line);
	else
		text_write(&out->writer.time, s, v, &out->line);
	if (out->line.failed)
		out->nr_oversized++;
	else
		sink_line(out->sink, v->status, buf_slice(&out->line));
}

void output_log_accounting(const struct output *out, struct engine *engine, const struct sink_stats *sink)
{
	const struct engine_stats *st = engine_stats(engine);
	uint64_t malformed = 0, dropped = 0;

	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		malformed += st->nr_malformed[i];
	for (unsigned i = 0; i < STATUSES; i++)
		dropped += sink->nr_dropped[i];
	log_info("accounting", F_UINT("frames", st->nr_frames), F_UINT("joined", st->nr_joined),
		 F_UINT("late", st->nr_late), F_UINT("duplicate", st->nr_duplicate), F_UINT("foreign", st->nr_foreign),
		 F_UINT("malformed", malformed), F_UINT("sessions_opened", st->nr_opened),
		 F_UINT("sessions_closed", st->nr_closed), F_UINT("sessions_open", st->nr_open),
		 F_UINT("evicted", st->nr_evicted), F_UINT("forgotten", st->nr_forgotten),
		 F_UINT("filtered", out->selection.nr_filtered), F_UINT("sampled_out", out->selection.nr_sampled_out),
		 F_UINT("lines", sink->nr_lines), F_UINT("lines_dropped", dropped),
		 F_UINT("lines_abandoned", sink->nr_abandoned), F_UINT("lines_oversized", out->nr_oversized));
	if (st->nr_packets)
		log_info("packets", F_UINT("packets", st->nr_packets), F_UINT("repeated", st->nr_packets_repeated),
			 F_UINT("passing", st->nr_packets_passing), F_UINT("dropped", st->nr_packets_dropped),
			 F_UINT("forgotten", st->nr_sightings_forgotten), F_UINT("tcp_forgotten", st->nr_tcp_forgotten),
			 F_UINT("tcp_gaps", st->nr_tcp_gaps), F_UINT("drops_unmatched", st->nr_drops_unmatched),
			 F_UINT("sessions_unseen", st->nr_unseen), F_UINT("unknown", st->nr_unknown),
			 F_UINT("silent", st->nr_silent));
	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		if (st->nr_malformed[i])
			log_info("malformed frames", F_STR("reason", malformed_reason_name((enum malformed_reason)i)),
				 F_UINT("frames", st->nr_malformed[i]));
}
