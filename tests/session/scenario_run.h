/* Included by scenario.h: steps into an engine, sessions and counters out as lines, both held against the scenario. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/session_view.h"

struct run {
	const struct scenario *scenario;
	struct engine *engine;
	struct stream *streams[SCENARIO_STREAMS];
	struct vantage *vantage;
	uint64_t nr_frames, nr_bytes;
	bool accounts_fail;
	struct buf lines;
};

/* A probe watches while dnstap comes in. */
static inline bool is_live(const struct run *run)
{
	return run->scenario->is_live || run->scenario->is_probed;
}

#define PASS_CLIENT "192.0.2.99:9"

static inline void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct run *run = arg;

	if (s->client.len == 4 && memcmp(s->client.ip, "\xc0\x00\x02\x63", 4) == 0)
		return;
	add_session(s, v, &run->lines);
}

static inline uint64_t nr_malformed(const struct engine_stats *st)
{
	uint64_t nr = 0;

	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		nr += st->nr_malformed[i];
	return nr;
}

/* The contract's section 5: exact at every moment. */
static inline void check_accounts(struct run *run)
{
	const struct engine_stats *st = engine_stats(run->engine);
	uint64_t sums[3] = { 0 };

	for (unsigned i = 0; i < STATUSES; i++)
		sums[0] += st->by_status[i];
	for (unsigned i = 0; i < CAUSES; i++)
		sums[1] += st->by_cause[i];
	for (unsigned i = 0; i < COUNT(st->by_bitmap); i++)
		sums[2] += st->by_bitmap[i];
	if (st->nr_frames == run->nr_frames && st->nr_bytes == run->nr_bytes &&
	    st->nr_frames == st->nr_joined + st->nr_late + st->nr_duplicate + st->nr_foreign + nr_malformed(st) &&
	    st->nr_opened == st->nr_closed + st->nr_open && sums[0] == st->nr_closed && sums[1] == st->nr_closed &&
	    sums[2] == st->nr_closed)
		return;
	run->accounts_fail = true;
}

static inline void add_count(const char *name, uint64_t n, struct buf *out)
{
	if (n)
		buf_addf(out, "%s=%llu ", name, (unsigned long long)n);
}

static inline void add_counts(const struct engine_stats *st, struct buf *out)
{
	add_count("late", st->nr_late, out);
	add_count("duplicate", st->nr_duplicate, out);
	add_count("foreign", st->nr_foreign, out);
	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		add_count(malformed_reason_name((enum malformed_reason)i), st->nr_malformed[i], out);
	add_count("evicted", st->nr_evicted, out);
	add_count("forgotten", st->nr_forgotten, out);
	add_count("dropped", st->nr_message_dropped, out);
	add_count("overflow", st->nr_server_overflow, out);
	add_count("ahead", st->nr_clock_ahead, out);
	add_count("restarted", st->nr_clock_restarted, out);
	add_count("foreign_streams", st->nr_foreign_streams, out);
	add_count("old_streams", st->nr_old_streams, out);
	if (out->len && out->data[out->len - 1] == ' ')
		out->data[out->len - 1] = '\n';
}

static inline struct stream *run_stream(struct run *run, unsigned number)
{
	struct addr peer;

	if (run->streams[number])
		return run->streams[number];
	addr_parse(slice_from_str(number < 2 ? "10.1.1.1" : "10.1.1.2"), &peer);
	peer.port = (uint16_t)(50000 + number);
	return run->streams[number] = engine_stream_new(run->engine, &peer, is_live(run));
}

static inline void run_frame(struct run *run, const struct step *step, struct slice frame)
{
	double last = step->response > step->query ? step->response : step->query;
	uint64_t arrived_ns = is_live(run) ? at_ns(step->arrives != 0 ? step->arrives : last) : 0;

	engine_frame(run->engine, run_stream(run, step->on), frame, arrived_ns);
	run->nr_frames++;
	run->nr_bytes += frame.len;
	check_accounts(run);
}

static inline void run_message(struct run *run, const struct step *step)
{
	struct buf frame;

	buf_init(&frame, 8192);
	build_frame(run->scenario, step, &frame);
	for (unsigned i = 0; i < (step->times ? step->times : 1); i++)
		run_frame(run, step, buf_slice(&frame));
	buf_release(&frame);
}

static inline void run_pass(struct run *run, const struct step *step)
{
	struct step half = *step;

	half.client = PASS_CLIENT;
	half.id = 65535;
	half.name = "pass.";
	half.what = STEP_CQ;
	run_message(run, &half);
	half.what = STEP_CR;
	run_message(run, &half);
}

static inline void run_packet(struct run *run, const struct step *step)
{
	struct packet p;
	struct buf payload;

	buf_init(&payload, 4096);
	p = build_packet(step, &payload);
	for (unsigned i = 0; i < (step->times ? step->times : 1); i++)
		engine_packet(run->engine, run->vantage, &p);
	buf_release(&payload);
	check_accounts(run);
}

static inline void run_vantage(struct run *run)
{
	const struct scenario *scenario = run->scenario;
	struct addr listens = addr_of(SERVER_ADDRESS);
	struct addr addresses[] = { addr_of(SERVER_ADDRESS), addr_of("10.1.1.1:0") };
	struct vantage_config config = {
		.hostname = slice_from_str(scenario->is_probed ? "coredns-1" : ""),
		.is_capture = scenario->is_captured,
		.listens = &listens,
		.nr_listens = scenario->is_probed,
		.addresses = addresses,
		.nr_addresses = scenario->is_probed ? COUNT(addresses) : 0,
		.began_ns = scenario->is_probed ? at_ns(-60000) : 0,
	};

	if (!scenario->is_probed && !scenario->is_captured)
		return;
	run->vantage = engine_vantage_new(run->engine, &config);
	assert_non_null(run->vantage);
}

static inline void run_close(struct run *run, unsigned number, uint64_t now_ns)
{
	if (run->streams[number])
		engine_stream_end(run->engine, run->streams[number], is_live(run) ? now_ns : 0);
	run->streams[number] = NULL;
	check_accounts(run);
}

static inline void run_step(struct run *run, const struct step *step)
{
	switch (step->what) {
	case STEP_NONE:
		break;
	case STEP_CQ:
	case STEP_CR:
	case STEP_FQ:
	case STEP_FR:
		run_message(run, step);
		break;
	case STEP_PASS:
		run_pass(run, step);
		break;
	case STEP_RAW:
		run_frame(run, step, slice_from_str(step->raw));
		break;
	case STEP_PQ:
	case STEP_PR:
	case STEP_UQ:
	case STEP_UR:
	case STEP_DROP_Q:
	case STEP_DROP_R:
	case STEP_ICMP:
		run_packet(run, step);
		break;
	case STEP_GAP:
		engine_packets_lost(run->engine, at_ns(step->query), at_ns(step->response), 1);
		break;
	case STEP_CLOSE:
		run_close(run, step->on, at_ns(step->query));
		break;
	case STEP_TICK:
		engine_tick(run->engine, at_ns(step->query));
		check_accounts(run);
		break;
	}
}

static inline void run_begin(struct run *run, const struct scenario *scenario)
{
	struct engine_limits limits = engine_limits_default();
	struct engine_callbacks callbacks = { .on_session = on_session, .arg = run };

	*run = (struct run){ .scenario = scenario };
	limits.sessions_max = scenario->sessions_max ? scenario->sessions_max : 1000;
	limits.closed_max = scenario->closed_max ? scenario->closed_max : 1000;
	limits.servers_max = scenario->servers_max ? scenario->servers_max : 16;
	if (scenario->memory_max)
		limits.memory_max = scenario->memory_max;
	if (scenario->timeout > 0)
		limits.session_timeout_ns = (uint64_t)ms_to_ns(scenario->timeout);
	if (scenario->idle > 0)
		limits.idle_timeout_ns = (uint64_t)ms_to_ns(scenario->idle);
	buf_init(&run->lines, 1 << 20);
	run->engine = engine_new(&limits, &callbacks);
	assert_non_null(run->engine);
	run_vantage(run);
}

/* All streams end; what waits for a successor waits in vain. */
static inline void run_drain(struct run *run)
{
	for (unsigned i = 0; i < SCENARIO_STREAMS; i++)
		run_close(run, i, at_ns(1e6));
	if (run->vantage)
		engine_vantage_end(run->engine, run->vantage, is_live(run) ? at_ns(1e6) : 0);
	engine_drain(run->engine);
	check_accounts(run);
	if (engine_stats(run->engine)->nr_open)
		run->accounts_fail = true;
	add_counts(engine_stats(run->engine), &run->lines);
}

static inline void run_end(struct run *run)
{
	engine_free(run->engine);
	buf_release(&run->lines);
}

/* True if all is as the scenario says; else what differs is printed. */
static inline bool scenario_holds(const struct scenario *scenario)
{
	struct buf expected;
	struct run run;
	bool holds;

	buf_init(&expected, 1 << 16);
	for (unsigned i = 0; i < SCENARIO_SESSIONS && scenario->sessions[i]; i++)
		buf_addf(&expected, "%s\n", scenario->sessions[i]);
	if (scenario->counts)
		buf_addf(&expected, "%s\n", scenario->counts);
	run_begin(&run, scenario);
	for (unsigned i = 0; i < SCENARIO_STEPS; i++)
		run_step(&run, &scenario->steps[i]);
	run_drain(&run);
	holds = slice_eq(buf_slice(&run.lines), buf_slice(&expected)) && !run.accounts_fail;
	if (!holds)
		print_error("%s%s\n--- expected\n%.*s--- got\n%.*s\n", scenario->name,
			    run.accounts_fail ? ": the accounts do not balance" : "", (int)expected.len,
			    (const char *)expected.data, (int)run.lines.len, (const char *)run.lines.data);
	run_end(&run);
	buf_release(&expected);
	return holds;
}

static inline void check_scenarios(const struct scenario *scenarios, size_t nr)
{
	size_t failed = 0;

	for (size_t i = 0; i < nr; i++)
		failed += !scenario_holds(&scenarios[i]);
	assert_int_equal(failed, 0);
}

/* A cmocka test of the name test_<table>, for a table of scenarios. */
#define SCENARIO_TEST(table)                          \
	static void test_##table(void **state)        \
	{                                             \
		(void)state;                          \
		check_scenarios(table, COUNT(table)); \
	}
