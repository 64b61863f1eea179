/*
 * A script of frames and events drives an engine with tiny limits. After every step its counts must add up; every
 * session that it closes must become one line of valid JSON and one of text; at the end nothing may be open.
 *
 * Input: one byte of options (see start()), then steps. A step is one byte and what it takes (see step()):
 *
 *	RAW		16-bit length, the bytes of a dnstap frame
 *	FRAME		eight bytes from which a frame is made (see engine_recipe.h); it comes once or many times
 *
 *	PACKET		the same eight bytes as a packet: seen, dropped, quoted by an ICMP error; or events that were
 *lost, or the end of a place where packets are seen, and a new one
 *
 *	OPEN, CLOSE, USE (a stream); TICK; WAIT, which lets time pass; JUMP, which sets the senders' clocks
 */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "session/engine.h"
#include "session/record.h"
#include "session/selection.h"
#include "session/text.h"
#include "fuzz/engine_recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SESSIONS_MAX = 8,
	SERVERS_MAX = 2,
	STREAMS_MAX = 4,
	VANTAGES = 2,
	SIGHTINGS_MAX = 16,
	TIMES = 16, /* query times that later frames may refer to */
	BUF_MAX = 64 << 20,
};

#define EPOCH_NS (1700000000 * NS_PER_S)
#define LATEST_NS (9223372035 * NS_PER_S)

struct world {
	struct engine *engine;
	struct stream *streams[STREAMS_MAX];
	struct vantage *vantages[VANTAGES]; /* a probe's and a capture's; NULL: none */
	unsigned current;		    /* stream */
	uint64_t now_ns;
	int64_t ahead_ns; /* the senders' clock before ours */
	uint64_t times_ns[TIMES];
	uint64_t nr_callbacks;
	uint64_t nr_fed;
	struct selection selection;
	uint64_t nr_wanted;
	struct record_writer writer;
	struct rfc3339 time;
	struct buf out, frame, message;
};

/* --- what comes out */

static void check_record(struct world *w, const struct session *s, const struct verdict *v)
{
	const char *status;
	json_t *record;
	int bitmap;

	buf_reset(&w->out);
	record_write(&w->writer, s, v, &w->out);
	assert(!w->out.failed && w->out.data[w->out.len - 1] == '\n');
	assert(!memchr(w->out.data, '\n', w->out.len - 1));
	record = json_loadb((const char *)w->out.data, w->out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert(record);
	status = json_string_value(json_object_get(record, "Status"));
	bitmap = (int)json_integer_value(json_object_get(record, "BitMap"));
	assert(status && (!strcmp(status, "Succeeded") || !strcmp(status, "Failed") || !strcmp(status, "SampleLoss")));
	assert(!strcmp(status, status_name(v->status)));
	assert(bitmap >= 0 && bitmap <= 15 && bitmap == s->bitmap);
	assert(json_is_object(json_object_get(record, "Kernel")) == (s->kernel != NULL));
	assert(json_is_array(json_object_get(record, "Messages")) == !w->writer.no_messages);
	json_decref(record);
}

/* One line that no terminal would obey. */
static void check_text(struct world *w, const struct session *s, const struct verdict *v)
{
	buf_reset(&w->out);
	text_write(&w->time, s, v, &w->out);
	assert(!w->out.failed && w->out.len > 0);
	for (size_t i = 0; i < w->out.len; i++)
		assert(w->out.data[i] == '\n' ? i == w->out.len - 1 : w->out.data[i] >= ' ' && w->out.data[i] != 0x7f);
}

static void check_session(const struct session *s, const struct verdict *v)
{
	uint32_t nr_kept = 0;

	assert(v->status < STATUSES && v->cause < CAUSES);
	assert(s->end != SESSION_OPEN && s->server);
	/* Of the kernel alone. */
	assert((s->nr_messages == 0) == (s->bitmap == 0) && (s->bitmap || s->kernel));
	/* What is proven lost did not come; of several attempts one may have lost its FR. */
	assert((v->lost & s->bitmap & BIT_CQ) == 0 && (v->lost_by_structure & s->bitmap & BIT_FR) == 0);
	assert((v->untapped & v->lost) == 0 && (v->lost_by_structure & ~v->lost) == 0);
	assert((s->bitmap & BIT_CR) == 0 || s->has_client);
	assert(s->nr_unsent <= s->nr_unanswered);
	for (const struct attempt *a = s->attempts; a; a = a->next) {
		assert(a->has_query || a->has_response);
		assert(a->next || a == s->attempts_last);
		nr_kept++;
	}
	assert(nr_kept <= ATTEMPTS_KEPT_FIRST + ATTEMPTS_KEPT_LAST && nr_kept <= s->nr_attempts);
}

static void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct world *w = arg;

	w->nr_callbacks++;
	check_session(s, v);
	check_record(w, s, v);
	check_text(w, s, v);
	w->nr_wanted += selection_wants(&w->selection, s, v);
}

static void on_notice(void *arg, enum engine_notice notice, const struct source *source)
{
	(void)arg;
	assert(notice == ENGINE_NOTICE_FOREIGN || notice == ENGINE_NOTICE_OLD_RELEASE);
	assert(source->server && source->stream);
}

static uint64_t sum(const uint64_t *values, size_t nr)
{
	uint64_t total = 0;

	for (size_t i = 0; i < nr; i++)
		total += values[i];
	return total;
}

static void check_stats(struct world *w)
{
	const struct engine_stats *st = engine_stats(w->engine);
	uint64_t nr_malformed = sum(st->nr_malformed, MALFORMED_REASONS);
	unsigned nr_servers = 0;

	assert(st->nr_frames == w->nr_fed);
	assert(st->nr_frames == st->nr_joined + st->nr_late + st->nr_duplicate + st->nr_foreign + nr_malformed);
	assert(st->nr_opened == st->nr_closed + st->nr_open);
	assert(st->nr_open <= SESSIONS_MAX);
	assert(st->nr_closed == w->nr_callbacks);
	assert(st->nr_closed == w->nr_wanted + w->selection.nr_filtered + w->selection.nr_sampled_out);
	assert(st->nr_evicted <= st->nr_closed);
	assert(sum(st->by_status, COUNT(st->by_status)) == st->nr_closed);
	assert(sum(st->by_bitmap, COUNT(st->by_bitmap)) == st->nr_closed);
	assert(st->by_bitmap[0] <= st->nr_unseen && st->nr_sightings <= SIGHTINGS_MAX);
	assert(sum(st->by_cause, COUNT(st->by_cause)) == st->nr_closed);
	for (const struct server *s = NULL; (s = engine_next_server(w->engine, s));)
		nr_servers++;
	assert(nr_servers <= SERVERS_MAX + 1);
}

/* --- what goes in */

static void feed(struct world *w, struct slice bytes)
{
	uint8_t *copy;

	if (!w->streams[w->current])
		return;
	/* Of exact size, and gone afterwards. */
	copy = malloc(bytes.len ? bytes.len : 1);
	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	w->nr_fed++;
	engine_frame(w->engine, w->streams[w->current], slice_of(copy, bytes.len), w->now_ns);
	free(copy);
}

/* Within what dnstap can say and the decoder takes: 1970 (no time) to 2262. */
static uint64_t sender_time_ns(const struct world *w)
{
	uint64_t t = w->now_ns + (uint64_t)w->ahead_ns;

	if (w->ahead_ns < 0 && t > w->now_ns)
		return 0;
	return t < LATEST_NS ? t : LATEST_NS;
}

/* The same frame `nr` times. */
static void step_frame(struct world *w, struct cursor *c, unsigned nr)
{
	struct recipe r = recipe_read(c);

	if (c->failed)
		return;
	if (r.is_new_time || !w->times_ns[r.time])
		w->times_ns[r.time] = sender_time_ns(w);
	recipe_frame(&r, w->times_ns[r.time], &w->message, &w->frame);
	while (nr--)
		feed(w, buf_slice(&w->frame));
	/* Less than the answer's time passes, so that a session's frames may overlap another's. */
	w->now_ns += r.took_ns / 2;
}

static void vantage_begin(struct world *w, unsigned which)
{
	static const uint8_t ip[4] = { 10, 1, 1, 1 };
	struct addr listens = { .port = 53 }, own = addr_from_bytes(slice_of(ip, 4), 0);
	struct vantage_config config = {
		.hostname = slice_from_str(which ? "" : "pod-1"),
		.is_capture = which,
		.listens = &listens,
		.nr_listens = !which,
		.addresses = &own,
		.nr_addresses = !which,
		.began_ns = which ? 0 : w->now_ns,
	};

	w->vantages[which] = engine_vantage_new(w->engine, &config);
	assert(w->vantages[which]);
}

static void vantage_finish(struct world *w, unsigned which)
{
	if (w->vantages[which])
		engine_vantage_end(w->engine, w->vantages[which], w->now_ns);
	w->vantages[which] = NULL;
}

/* choice: 1 of the capture, 2 dropped, 4 quoted by an ICMP error, 8 no packet but lost events, or the end of the place.
 */
static void step_packet(struct world *w, struct cursor *c, uint8_t choice)
{
	struct recipe r = recipe_read(c);
	unsigned which = choice & 1;
	struct packet p;
	uint8_t *copy;

	if (c->failed || !w->vantages[which])
		return;
	if (choice & 8) {
		if (choice & 2) {
			vantage_finish(w, which);
			vantage_begin(w, which);
		} else {
			engine_packets_lost(w->engine, w->now_ns, w->now_ns + r.took_ns, 1);
		}
		return;
	}
	recipe_packet(&r, sender_time_ns(w), &w->message, &p);
	p.kind = choice & 2 ? PACKET_DROP : choice & 4 ? PACKET_ICMP : PACKET_SEEN;
	p.reason = "NETFILTER_DROP";
	copy = malloc(p.payload.len ? p.payload.len : 1);
	if (p.payload.len)
		memcpy(copy, p.payload.data, p.payload.len);
	p.payload = slice_of(copy, p.payload.len);
	engine_packet(w->engine, w->vantages[which], &p);
	free(copy);
}

static void stream_open(struct world *w, uint8_t choice)
{
	static const uint8_t ip[4] = { 10, 1, 1, 1 };
	struct addr peer = addr_from_bytes(slice_of(ip, 4), 0);
	unsigned slot = choice % STREAMS_MAX;

	w->current = slot;
	if (!w->streams[slot])
		w->streams[slot] = engine_stream_new(w->engine, choice & 8 ? &peer : NULL, choice & 16);
	assert(w->streams[slot]);
}

static void stream_close(struct world *w, unsigned slot)
{
	if (w->streams[slot])
		engine_stream_end(w->engine, w->streams[slot], w->now_ns);
	w->streams[slot] = NULL;
}

enum op { OP_FRAME, OP_RAW = 8, OP_OPEN, OP_CLOSE, OP_USE, OP_TICK, OP_WAIT, OP_JUMP, OP_PACKET };

static void step(struct world *w, struct cursor *c)
{
	/* From a millisecond, a second, ... up to years. */
	static const uint8_t jumps[] = { 20, 30, 34, 37, 40, 44, 50, 54 };
	uint8_t byte = cursor_u8(c);
	uint8_t op = (byte & 15) < OP_RAW ? OP_FRAME : byte & 15, choice = byte >> 4;

	switch (op) {
	case OP_FRAME:
		step_frame(w, c, choice < 8 ? 1 : 1U << (choice - 8));
		break;
	case OP_RAW:
		feed(w, cursor_bytes(c, cursor_u16(c)));
		break;
	case OP_OPEN:
		stream_open(w, cursor_u8(c));
		break;
	case OP_CLOSE:
		stream_close(w, choice % STREAMS_MAX);
		break;
	case OP_USE:
		w->current = choice % STREAMS_MAX;
		break;
	case OP_TICK:
		engine_tick(w->engine, w->now_ns);
		break;
	case OP_WAIT:
		w->now_ns += step_ns(choice);
		break;
	case OP_PACKET:
		step_packet(w, c, choice);
		break;
	case OP_JUMP:
		w->ahead_ns = (int64_t)((uint64_t)cursor_u8(c) << jumps[choice >> 1]) * (choice & 1 ? 1 : -1);
		break;
	}
}

/* Filters that some sessions pass. */
static void select_some(struct selection *sel)
{
	sel->succeeded_sample = 2;
	assert(selection_add_client(sel, "10.0.0.0/30") && selection_add_client(sel, "fd00::/16"));
	assert(selection_add_qname(sel, "example.") && selection_add_rcode(sel, "noerror"));
}

/*
 * Options: 1 the first stream is a connection, 2 no Messages in the record, 4 little memory, 8 the clock stands near
 * 2262, 16 the engine is freed with sessions open, 32 memory for not one session, 64 packets are watched, by a probe
 * and in a capture.
 */
static void start(struct world *w, uint8_t options)
{
	struct engine_limits limits = engine_limits_default();
	struct engine_callbacks callbacks = { .on_session = on_session, .on_notice = on_notice, .arg = w };

	limits.sessions_max = SESSIONS_MAX;
	limits.closed_max = 16;
	limits.servers_max = SERVERS_MAX;
	limits.sightings_max = SIGHTINGS_MAX;
	limits.tcp_connections_max = 2;
	limits.memory_max = options & 32 ? 300 : options & 4 ? 2048 : 64 << 10;
	w->now_ns = options & 8 ? LATEST_NS - 100 * NS_PER_S : EPOCH_NS;
	w->writer.no_messages = options & 2;
	select_some(&w->selection);
	w->engine = engine_new(&limits, &callbacks);
	assert(w->engine);
	buf_init(&w->out, BUF_MAX);
	buf_init(&w->frame, BUF_MAX);
	buf_init(&w->message, BUF_MAX);
	for (unsigned i = 0; i < VANTAGES && options & 64; i++)
		vantage_begin(w, i);
	stream_open(w, options & 1 ? 16 : 0);
}

static void finish(struct world *w, uint8_t options)
{
	for (unsigned i = 0; i < STREAMS_MAX && !(options & 16); i++)
		stream_close(w, i);
	for (unsigned i = 0; i < VANTAGES && options & 128; i++)
		vantage_finish(w, i);
	check_stats(w);
	if (!(options & 16)) {
		engine_drain(w->engine);
		check_stats(w);
		assert(engine_stats(w->engine)->nr_open == 0);
	}
	engine_free(w->engine);
	buf_release(&w->out);
	buf_release(&w->frame);
	buf_release(&w->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(slice_of(data, size));
	struct world w = { 0 };
	uint8_t options = cursor_u8(&c);

	start(&w, options);
	while (cursor_left(&c) && w.now_ns < LATEST_NS) {
		step(&w, &c);
		check_stats(&w);
	}
	finish(&w, options);
	return 0;
}
