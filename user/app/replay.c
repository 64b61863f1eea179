#include "replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/tapfile.h"
#include "output.h"
#include "packets.h"
#include "wire/frame.h"

enum {
	READ_SIZE = 1 << 20,
	PROGRESS_WIDTH = 30,
	PROGRESS_NS = 100 * 1000000,
};

struct replay {
	struct engine *engine;
	struct output output;
	struct packets packets; /* of --pcap */
	bool has_packets;
	uint8_t *bytes; /* READ_SIZE behind room for one unfinished frame */
	size_t room;
	uint32_t frame_max;
	bool shows_progress;
	uint64_t shown_ns;
	bool is_stopped; /* the output's reader has gone */
};

static void show_progress(struct replay *r, const char *path, const struct tapfile *f)
{
	uint64_t now_ns = clock_monotonic_ns(), size = tapfile_size(f), at = tapfile_position(f);
	unsigned done = size ? (unsigned)(at * PROGRESS_WIDTH / size) : 0;

	if (!r->shows_progress || now_ns < r->shown_ns + PROGRESS_NS)
		return;
	r->shown_ns = now_ns;
	if (size)
		fprintf(stderr, "\r%s [%.*s%*s] %3u %%", path, (int)(done < PROGRESS_WIDTH ? done : PROGRESS_WIDTH),
			"##############################", (int)(PROGRESS_WIDTH - done), "",
			(unsigned)(at * 100 / size));
	else
		fprintf(stderr, "\r%s %llu MiB", path, (unsigned long long)(at >> 20));
}

static void clear_progress(struct replay *r)
{
	if (r->shows_progress && r->shown_ns)
		fprintf(stderr, "\r\033[K");
}

/* True while the stream can be read on. */
static bool parse(struct replay *r, struct frame_parser *parser, struct stream *stream, struct slice *input)
{
	struct slice data;

	for (;;) {
		switch (frame_next(parser, input, &data)) {
		case FRAME_NEED_MORE:
			return true;
		case FRAME_DATA:
			engine_frame(r->engine, stream, data, 0);
			break;
		case FRAME_SEND_ACCEPT: /* a recorded conversation */
		case FRAME_STARTED:
		case FRAME_STOPPED:
			break;
		case FRAME_BAD:
			return false;
		}
	}
}

static int complain(const char *path, const char *what, const char *why)
{
	log_error(what, F_STR("file", path), F_STR("error", why));
	return -EIO;
}

static bool is_output_gone(struct replay *r)
{
	struct sink_stats st;

	if (!r->output.sink)
		return false;
	sink_stats(r->output.sink, &st);
	r->is_stopped = st.is_broken;
	return st.is_broken;
}

static int read_frames(struct replay *r, const char *path, struct tapfile *f, struct stream *stream)
{
	struct frame_parser parser;
	size_t left = 0;
	long n;

	frame_parser_init(&parser, r->frame_max);
	while ((n = tapfile_read(f, r->bytes + left, r->room + READ_SIZE - left)) > 0) {
		struct slice input = slice_of(r->bytes, left + (size_t)n);

		if (!parse(r, &parser, stream, &input))
			return complain(path, "bad frame", frame_error_text(parser.error));
		left = input.len;
		memmove(r->bytes, input.data, left);
		show_progress(r, path, f);
		if (is_output_gone(r))
			return 0;
	}
	if (n < 0)
		return complain(path, "cannot read", strerror((int)-n));
	if (left)
		return complain(path, "cut off", "the last frame is not whole");
	return 0;
}

static int replay_file(struct replay *r, const char *path)
{
	struct tapfile *f = tapfile_open(path);
	struct stream *stream;
	int err;

	if (!f) {
		complain(path, "cannot open", strerror(errno));
		return -ENOENT;
	}
	stream = engine_stream_new(r->engine, NULL, false);
	err = stream ? read_frames(r, path, f, stream) : -ENOMEM;
	clear_progress(r);
	if (stream)
		engine_stream_end(r->engine, stream, 0);
	tapfile_close(f);
	return err;
}

static int replay_files(struct replay *r, const struct options *o)
{
	unsigned not_opened = 0;
	int status = 0;

	for (unsigned i = 0; i < o->nr_files && !r->is_stopped; i++) {
		int err = replay_file(r, o->files[i]);

		if (err)
			status = 1;
		not_opened += err == -ENOENT;
	}
	if (r->has_packets && packets_finish(&r->packets) < 0)
		status = 1;
	engine_drain(r->engine);
	return not_opened == o->nr_files ? 2 : status;
}

static int print_summary(struct replay *r)
{
	struct buf text;
	int err = 0;

	buf_init(&text, OUTPUT_LINE_MAX);
	summary_print(r->output.summary, r->engine, &text);
	if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
		err = -errno;
	buf_release(&text);
	return err;
}

static int run(struct replay *r, const struct options *o)
{
	struct sink_stats st = { 0 };
	int status = replay_files(r, o), err = 0;

	if (r->output.sink)
		err = sink_close(r->output.sink, &st);
	r->output.sink = NULL;
	/* A reader that has seen enough (head) is no failure. */
	if (err && err != -EPIPE)
		status = 1;
	if (r->output.summary && print_summary(r) < 0)
		status = 1;
	output_log_accounting(&r->output, r->engine, &st);
	return status;
}

static void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct replay *r = arg;

	output_session(&r->output, s, v);
}

static void on_want_packets(void *arg, uint64_t until_ns)
{
	struct replay *r = arg;

	packets_until(&r->packets, until_ns);
}

int replay_run(const struct options *o)
{
	bool wants_sessions = !o->summary || o->output;
	struct replay r = {
		.frame_max = (uint32_t)o->frame_max,
		.room = FRAME_HEADER_SIZE * 2 + FRAME_CONTROL_MAX + o->frame_max,
		.shows_progress = isatty(STDERR_FILENO) && (o->summary || o->output || !isatty(STDOUT_FILENO)),
	};
	struct engine_callbacks callbacks = { .on_session = on_session, .on_want_packets = on_want_packets, .arg = &r };
	struct sink *sink = NULL;
	struct summary *summary = NULL;
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	r.bytes = malloc(r.room + READ_SIZE);
	r.engine = engine_new(&o->limits, &callbacks);
	if (o->summary)
		summary = summary_new();
	if (!r.bytes || !r.engine || (o->summary && !summary)) {
		log_errno(errno, "cannot start", "replay");
		goto out;
	}
	if (wants_sessions)
		sink = sink_open(o->output, o->output_queue_max, true);
	if (wants_sessions && !sink) {
		status = 2;
		goto out;
	}
	output_init(&r.output, o, sink, summary);
	if (o->pcap && packets_open(&r.packets, o->pcap, r.engine) < 0) {
		status = 2;
		goto out;
	}
	r.has_packets = o->pcap;
	status = run(&r, o);
out:
	if (r.output.sink)
		sink_close(r.output.sink, NULL);
	packets_close(&r.packets);
	output_release(&r.output);
	summary_free(summary);
	engine_free(r.engine);
	free(r.bytes);
	return status;
}
