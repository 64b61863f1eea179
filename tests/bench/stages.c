/*
 * stages FILE: what each stage costs, in ns per frame, for a Frame Streams file that is held in memory. Every stage
 * does all that the ones before it do; the difference is its own share. Five rounds, the median is printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "session/engine.h"
#include "session/record.h"
#include "wire/frame.h"

enum { ROUNDS = 5 };

struct input {
	struct slice file;
	uint64_t nr_frames;
	struct arena arena;
	struct hash_key key;
	struct record_writer writer;
	struct buf line;
	uint64_t bytes_out;
};

typedef void (*frame_fn)(struct input *in, void *arg, struct slice frame);

static void each_frame(struct input *in, frame_fn fn, void *arg)
{
	struct slice rest = in->file, data;
	struct frame_parser parser;
	enum frame_result result;

	frame_parser_init(&parser, FRAME_DATA_MAX_DEFAULT);
	in->nr_frames = 0;
	while ((result = frame_next(&parser, &rest, &data)) != FRAME_NEED_MORE && result != FRAME_BAD) {
		if (result != FRAME_DATA)
			continue;
		in->nr_frames++;
		if (fn)
			fn(in, arg, data);
	}
}

static void stage_frames(struct input *in)
{
	each_frame(in, NULL, NULL);
}

static void decode(struct input *in, void *arg, struct slice frame)
{
	(void)arg;
	tap_decode(frame, &in->arena, &(struct tap){ 0 });
}

static void stage_protobuf(struct input *in)
{
	each_frame(in, decode, NULL);
}

static void read_event(struct input *in, void *arg, struct slice frame)
{
	struct event event;
	struct tap tap;

	(void)arg;
	if (tap_decode(frame, &in->arena, &tap) == TAP_OK)
		event_from_tap(&tap, release_parse(tap.version), &in->key, &event);
}

static void stage_dns(struct input *in)
{
	each_frame(in, read_event, NULL);
}

static void ignore(void *arg, const struct session *s, const struct verdict *v)
{
	(void)arg;
	(void)s;
	(void)v;
}

static void write_record(void *arg, const struct session *s, const struct verdict *v)
{
	struct input *in = arg;

	buf_reset(&in->line);
	record_write(&in->writer, s, v, &in->line);
	in->bytes_out += in->line.len;
}

struct run {
	struct engine *engine;
	struct stream *stream;
};

static void give(struct input *in, void *arg, struct slice frame)
{
	struct run *run = arg;

	(void)in;
	engine_frame(run->engine, run->stream, frame, 0);
}

static void run_engine(struct input *in, struct engine_callbacks callbacks)
{
	struct engine_limits limits = engine_limits_default();
	struct run run = { .engine = engine_new(&limits, &callbacks) };

	if (!run.engine)
		exit(1);
	run.stream = engine_stream_new(run.engine, NULL, false);
	each_frame(in, give, &run);
	engine_stream_end(run.engine, run.stream, 0);
	engine_drain(run.engine);
	engine_free(run.engine);
}

static void stage_join(struct input *in)
{
	run_engine(in, (struct engine_callbacks){ .on_session = ignore });
}

static void stage_record_bare(struct input *in)
{
	in->writer.no_messages = true;
	in->bytes_out = 0;
	run_engine(in, (struct engine_callbacks){ .on_session = write_record, .arg = in });
}

static void stage_record(struct input *in)
{
	in->writer.no_messages = false;
	in->bytes_out = 0;
	run_engine(in, (struct engine_callbacks){ .on_session = write_record, .arg = in });
}

static const struct {
	const char *name;
	void (*run)(struct input *in);
} stages[] = {
	{ "Frame Streams", stage_frames },
	{ "+ protobuf", stage_protobuf },
	{ "+ DNS message, question hash", stage_dns },
	{ "+ join, classify", stage_join },
	{ "+ JSON without Messages", stage_record_bare },
	{ "+ JSON with Messages (instead)", stage_record },
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool load(const char *path, struct slice *out)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;
	long size;

	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	bytes = malloc((size_t)size);
	*out = slice_of(bytes, bytes ? fread(bytes, 1, (size_t)size, f) : 0);
	fclose(f);
	return out->len > 0;
}

int main(int argc, char **argv)
{
	struct input in = { 0 };
	double before = 0;

	if (argc != 2 || !load(argv[1], &in.file) || arena_init(&in.arena, TAP_ARENA_SIZE) < 0 ||
	    hash_key_random(&in.key) < 0)
		return 1;
	buf_init(&in.line, 1 << 20);
	printf("%-32s %14s %14s\n", "stage (one thread, in memory)", "ns per frame", "of these, own");
	for (unsigned i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
		double rounds[ROUNDS];

		for (unsigned round = 0; round < ROUNDS; round++) {
			double start = cpu_ns();

			stages[i].run(&in);
			rounds[round] = (cpu_ns() - start) / (double)in.nr_frames;
		}
		qsort(rounds, ROUNDS, sizeof(*rounds), by_value);
		printf("%-32s %14.1f %14.1f\n", stages[i].name, rounds[ROUNDS / 2], rounds[ROUNDS / 2] - before);
		if (i + 2 < sizeof(stages) / sizeof(*stages))
			before = rounds[ROUNDS / 2];
	}
	printf("%llu frames, %.0f bytes of JSON per frame\n", (unsigned long long)in.nr_frames,
	       (double)in.bytes_out / (double)in.nr_frames);
	return 0;
}
