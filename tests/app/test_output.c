#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/output.h"

enum { QUEUE = 64 << 20, TEXT_MAX = 1 << 20 };

#define SECOND_NS 1000000000ULL
#define BEGAN_NS (1000000000 * SECOND_NS) /* 2001-09-09T01:46:40Z */

static char path[] = "/tmp/test_output.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct server server = {
	.has_identity = true, .name_len = 5, .name = "pod-1", .version_len = 14, .version = "CoreDNS-1.15.0"
};

/* A client's query without message, answered 2 ms later or not at all. */
static struct session session_of(uint8_t last_byte, uint8_t bitmap)
{
	struct session s = {
		.server = &server,
		.bitmap = bitmap,
		.protocol = TAP_UDP,
		.has_client = true,
		.rcode = RCODE_UNKNOWN,
		.last_fr_rcode = RCODE_UNKNOWN,
		.query_ns = BEGAN_NS,
		.response_ns = bitmap & BIT_CR ? BEGAN_NS + 2000000 : 0,
	};

	s.client = (struct addr){ .ip = { 10, 0, 0, last_byte }, .len = 4, .port = 1000 };
	return s;
}

static const struct verdict succeeded = { .status = STATUS_SUCCEEDED, .cause = CAUSE_LOCAL_ANSWER };
static const struct verdict failed = { .status = STATUS_FAILED, .cause = CAUSE_NO_RESPONSE };
static const struct verdict lost = { .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_DNSTAP_LOST, .lost = BIT_CR };

struct fixture {
	struct options o;
	struct output out;
	struct sink *sink;
	struct sink_stats stats;
	char text[TEXT_MAX];
};

static struct fixture f;

static void begin(const struct options *o, struct summary *summary)
{
	assert_int_equal(truncate(path, 0), 0);
	f.o = *o;
	f.sink = sink_open(path, QUEUE, true);
	assert_non_null(f.sink);
	output_init(&f.out, &f.o, f.sink, summary);
}

static void give(uint8_t last_byte, uint8_t bitmap, const struct verdict *v)
{
	struct session s = session_of(last_byte, bitmap);

	output_session(&f.out, &s, v);
}

/* What has been written is in f.text then. */
static void end(void)
{
	FILE *file;
	size_t n;

	assert_int_equal(sink_close(f.sink, &f.stats), 0);
	output_release(&f.out);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(f.text, 1, sizeof(f.text) - 1, file);
	f.text[n] = 0;
	fclose(file);
}

static void test_json(void **state)
{
	struct options o = { .format = FORMAT_JSON };

	(void)state;
	begin(&o, NULL);
	give(1, BIT_CQ | BIT_CR, &succeeded);
	give(2, BIT_CQ, &failed);
	end();
	assert_string_equal(
		f.text,
		"{\"Status\":\"Succeeded\",\"BitMap\":3,\"Cause\":\"local_answer\",\"Time\":\"2001-09-09T01:46:40."
		"000000000Z\","
		"\"DurationMs\":2.000,\"Server\":\"pod-1\",\"Version\":\"CoreDNS-1.15.0\",\"Client\":{\"Address\":\"10."
		"0.0.1\","
		"\"Port\":1000,\"Protocol\":\"UDP\"},\"Question\":null,\"Rcode\":null,\"Upstreams\":[],\"Messages\":["
		"{\"Type\":\"CLIENT_QUERY\",\"Time\":\"2001-09-09T01:46:40.000000000Z\",\"Message\":null},"
		"{\"Type\":\"CLIENT_RESPONSE\",\"Time\":\"2001-09-09T01:46:40.002000000Z\",\"Message\":null}]}\n"
		"{\"Status\":\"Failed\",\"BitMap\":1,\"Cause\":\"no_response\",\"Time\":\"2001-09-09T01:46:40."
		"000000000Z\","
		"\"DurationMs\":null,\"Server\":\"pod-1\",\"Version\":\"CoreDNS-1.15.0\",\"Client\":{\"Address\":\"10."
		"0.0.2\","
		"\"Port\":1000,\"Protocol\":\"UDP\"},\"Question\":null,\"Rcode\":null,\"Upstreams\":[],\"Messages\":["
		"{\"Type\":\"CLIENT_QUERY\",\"Time\":\"2001-09-09T01:46:40.000000000Z\",\"Message\":null}]}\n");
	assert_int_equal(f.stats.nr_lines, 2);
}

static void test_json_without_messages(void **state)
{
	struct options o = { .format = FORMAT_JSON, .no_messages = true };

	(void)state;
	begin(&o, NULL);
	give(1, BIT_CQ, &failed);
	end();
	assert_string_equal(f.text,
			    "{\"Status\":\"Failed\",\"BitMap\":1,\"Cause\":\"no_response\",\"Time\":\"2001-09-09T01:46:"
			    "40.000000000Z\","
			    "\"DurationMs\":null,\"Server\":\"pod-1\",\"Version\":\"CoreDNS-1.15.0\",\"Client\":{"
			    "\"Address\":\"10.0.0.1\","
			    "\"Port\":1000,\"Protocol\":\"UDP\"},\"Question\":null,\"Rcode\":null,\"Upstreams\":[]}\n");
}

static void test_text(void **state)
{
	struct options o = { .format = FORMAT_TEXT };
	char *second;

	(void)state;
	begin(&o, NULL);
	give(1, BIT_CQ | BIT_CR, &succeeded);
	give(2, BIT_CQ, &failed);
	end();
	second = strchr(f.text, '\n');
	assert_non_null(second);
	*second++ = 0;
	assert_int_equal(strncmp(f.text, "2001-09-09T01:46:40.", 20), 0);
	assert_non_null(strstr(f.text, "Succeeded"));
	assert_non_null(strstr(f.text, "10.0.0.1"));
	assert_non_null(strstr(second, "no_response"));
	assert_non_null(strstr(second, "10.0.0.2"));
	assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
}

/* Everything that is closed is printed, filtered or sampled out: the three add up. */
static void test_selection_is_counted(void **state)
{
	struct options o = { .format = FORMAT_JSON, .selection.succeeded_sample = 10 };

	(void)state;
	assert_true(selection_add_client(&o.selection, "10.0.0.0/25"));
	begin(&o, NULL);
	for (unsigned i = 0; i < 256; i++) {
		give((uint8_t)i, BIT_CQ | BIT_CR, &succeeded);
		give((uint8_t)i, BIT_CQ, &failed);
		give((uint8_t)i, BIT_CQ | BIT_FQ | BIT_FR, &lost);
	}
	end();
	assert_int_equal(f.out.selection.nr_filtered, 3 * 128);
	assert_int_equal(f.out.selection.nr_sampled_out, 128 - 13);
	assert_int_equal(f.stats.nr_lines, 13 + 2 * 128);
	assert_int_equal(o.selection.nr_filtered, 0); /* the options stay as they are */
}

static void test_summary_counts_what_is_not_printed(void **state)
{
	struct options o = { .format = FORMAT_JSON };
	struct engine_callbacks callbacks = { .on_session = output_session, .arg = &f.out };
	struct engine_limits limits = engine_limits_default();
	struct summary *summary = summary_new();
	struct engine *engine;
	struct buf text;

	(void)state;
	limits.closed_max = 1000;
	engine = engine_new(&limits, &callbacks);
	assert_non_null(engine);
	assert_true(selection_add_status(&o.selection, "SampleLoss"));
	begin(&o, summary);
	give(1, BIT_CQ | BIT_CR, &succeeded);
	give(2, BIT_CQ, &failed);
	end();
	assert_string_equal(f.text, "");
	assert_int_equal(f.out.selection.nr_filtered, 2);

	/* Nor does it need a sink. */
	output_init(&f.out, &o, NULL, summary);
	give(3, BIT_CQ, &failed);
	output_release(&f.out);
	buf_init(&text, TEXT_MAX);
	summary_print(summary, engine, &text);
	buf_add_byte(&text, 0);
	assert_int_equal(strncmp((const char *)text.data, "3 sessions", 10), 0);
	buf_release(&text);
	summary_free(summary);
	engine_free(engine);
}

/* A message that is no DNS message is written in hexadecimal, twice as long. */
static void test_line_that_is_too_long_is_dropped_and_counted(void **state)
{
	enum { LEN = OUTPUT_LINE_MAX / 2 };
	struct options o = { .format = FORMAT_JSON };
	struct session s = session_of(1, BIT_CQ);
	struct message *m = malloc(sizeof(*m) + LEN);

	(void)state;
	assert_non_null(m);
	m->time_ns = BEGAN_NS;
	m->len = LEN;
	memset(m->bytes, 0xff, LEN);
	s.query = m;
	begin(&o, NULL);
	give(1, BIT_CQ, &failed);
	output_session(&f.out, &s, &failed);
	m->len = 5;
	output_session(&f.out, &s, &failed);
	end();
	assert_int_equal(f.out.nr_oversized, 1);
	assert_int_equal(f.stats.nr_lines, 2);
	assert_non_null(strstr(f.text, "\"messageOctetsHEX\":\"FFFFFFFFFF\""));
	free(m);
}

static void log_accounting(struct engine *engine)
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	output_log_accounting(&f.out, engine, &f.stats);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	n = fread(f.text, 1, sizeof(f.text) - 1, file);
	f.text[n] = 0;
	fclose(file);
}

/* Every number in one line, each from where it is counted; then one line for each kind of malformed frame that came. */
static void test_accounting_line(void **state)
{
	struct options o = { .format = FORMAT_JSON };
	struct engine_callbacks callbacks = { .on_session = output_session, .arg = &f.out };
	struct engine_limits limits = engine_limits_default();
	struct engine *engine;
	struct stream *stream;
	char *first;

	(void)state;
	limits.closed_max = 1000;
	engine = engine_new(&limits, &callbacks);
	stream = engine_stream_new(engine, NULL, false);
	for (unsigned i = 0; i < 3; i++)
		engine_frame(engine, stream, slice_of("\xff\xff\xff", 3), 0);
	engine_frame(engine, stream, slice_of("\x78\x01", 2), 0);
	engine_stream_end(engine, stream, 0);
	output_init(&f.out, &o, NULL, NULL);
	f.out.selection.nr_filtered = 5;
	f.out.selection.nr_sampled_out = 6;
	f.out.nr_oversized = 7;
	f.stats = (struct sink_stats){ .nr_lines = 8, .nr_dropped = { 10, 20, 30 }, .nr_abandoned = 9 };
	log_accounting(engine);
	first = strstr(f.text, " level=info ");
	assert_non_null(first);
	assert_non_null(strchr(first, '\n'));
	*strchr(first, '\n') = 0;
	assert_string_equal(first,
			    " level=info msg=\"accounting\" frames=4 joined=0 late=0 duplicate=0 foreign=0 malformed=4 "
			    "sessions_opened=0 sessions_closed=0 sessions_open=0 evicted=0 forgotten=0 filtered=5 "
			    "sampled_out=6 lines=8 lines_dropped=60 lines_abandoned=9 lines_oversized=7");
	first += strlen(first) + 1;
	assert_non_null(strstr(first, " msg=\"malformed frames\" reason=bad_protobuf frames=3\n"));
	assert_non_null(strstr(first, " msg=\"malformed frames\" reason=no_message frames=1\n"));
	output_release(&f.out);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_without_messages),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_selection_is_counted),
		cmocka_unit_test(test_summary_counts_what_is_not_printed),
		cmocka_unit_test(test_line_that_is_too_long_is_dropped_and_counted),
		cmocka_unit_test(test_accounting_line),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
