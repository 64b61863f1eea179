/* The open sessions: limits, indexes, ages, and what a session keeps of its attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/open.h"

static const struct hash_key hash_key = { { 1, 2, 3 } };

struct fixture {
	struct open_sessions open;
	struct server server;
	struct stream stream;
};

static void setup(struct fixture *f, size_t max, size_t memory_max)
{
	*f = (struct fixture){ .server = { .number = 1 }, .stream = { .number = 1, .clock_ns = 7 } };
	list_init(&f->stream.sessions);
	assert_int_equal(open_init(&f->open, max, memory_max, &hash_key), 0);
}

static struct session *session_new(struct fixture *f)
{
	return open_new(&f->open, &f->server, &f->stream);
}

static unsigned length(const struct list *head)
{
	unsigned n = 0;

	for (const struct list *l = head->next; l != head; l = l->next)
		n++;
	return n;
}

static void test_limit_on_sessions(void **state)
{
	struct fixture f;
	struct session *first;

	(void)state;
	setup(&f, 2, 1 << 20);
	first = session_new(&f);
	assert_non_null(first);
	assert_non_null(session_new(&f));
	assert_null(session_new(&f));
	assert_int_equal(f.open.count, 2);
	assert_int_equal(f.server.nr_open, 2);
	open_free(&f.open, first);
	assert_int_equal(f.open.count, 1);
	assert_int_equal(f.server.nr_open, 1);
	assert_non_null(session_new(&f));
	open_release(&f.open);
}

static void test_limit_on_memory(void **state)
{
	static const uint8_t large[2000];
	struct fixture f;
	struct session *s;
	struct message *m;

	(void)state;
	setup(&f, 100, 2048);
	s = session_new(&f);
	m = open_keep_message(&f.open, slice_of("0123456789", 10), 5);
	assert_non_null(m);
	assert_int_equal(m->time_ns, 5);
	assert_int_equal(m->len, 10);
	assert_memory_equal(m->bytes, "0123456789", 10);
	assert_null(open_keep_message(&f.open, slice_of(large, sizeof(large)), 5));
	while (open_add_attempt(&f.open, s) && s->nr_attempts < 16)
		continue;
	assert_in_range(s->nr_attempts, 1, 15);
	assert_true(f.open.pool.used <= 2048);
	open_drop_message(&f.open, m);
	open_drop_message(&f.open, NULL);
	open_free(&f.open, s);
	assert_int_equal(f.open.pool.used, 0);
	open_release(&f.open);
}

static void test_new_session(void **state)
{
	struct fixture f;
	struct session *s;

	(void)state;
	setup(&f, 2, 1 << 20);
	s = session_new(&f);
	assert_ptr_equal(s->server, &f.server);
	assert_ptr_equal(s->stream, &f.stream);
	assert_int_equal(s->active_ns, 7);
	assert_int_equal(s->rcode, RCODE_UNKNOWN);
	assert_int_equal(s->last_fr_rcode, RCODE_UNKNOWN);
	assert_int_equal(s->end, SESSION_OPEN);
	open_release(&f.open);
}

/* The oldest message first, in the stream and in all. */
static void test_order(void **state)
{
	struct session *a, *b, *c;
	struct stream other = { .number = 2, .clock_ns = 100 };
	struct fixture f;

	(void)state;
	setup(&f, 10, 1 << 20);
	list_init(&other.sessions);
	a = session_new(&f);
	b = session_new(&f);
	c = session_new(&f);
	f.stream.clock_ns = 9;
	open_touch(&f.open, a, &f.stream);
	assert_int_equal(a->active_ns, 9);
	assert_ptr_equal(f.open.lru.next, &b->lru);
	assert_ptr_equal(f.open.lru.prev, &a->lru);
	assert_ptr_equal(f.stream.sessions.next, &b->by_activity);
	open_touch(&f.open, b, &other);
	assert_ptr_equal(b->stream, &other);
	assert_int_equal(b->active_ns, 100);
	assert_int_equal(length(&f.stream.sessions), 2);
	assert_int_equal(length(&other.sessions), 1);
	assert_ptr_equal(f.open.lru.next, &c->lru);
	open_free(&f.open, b);
	assert_int_equal(length(&other.sessions), 0);
	assert_int_equal(length(&f.open.lru), 2);
	open_release(&f.open);
}

/* Everything that a key is made of makes another key. */
static void test_keys(void **state)
{
	struct event base = { .query_ns = 1, .protocol = TAP_UDP, .client = { .port = 1, .len = 4 } }, event = base;
	struct server two = { .number = 2 };
	struct fixture f;
	uint64_t key;

	(void)state;
	setup(&f, 10, 1 << 20);
	key = open_query_key(&f.open, &f.server, &base);
	assert_true(key == open_query_key(&f.open, &f.server, &event));
	assert_true(key != open_query_key(&f.open, &two, &event));
	event.query_ns = 2;
	assert_true(key != open_query_key(&f.open, &f.server, &event));
	event = base;
	event.protocol = TAP_TCP;
	assert_true(key != open_query_key(&f.open, &f.server, &event));
	event = base;
	event.client.port = 2;
	assert_true(key != open_query_key(&f.open, &f.server, &event));
	assert_true(open_client_key(&f.open, &f.server, &base.client) !=
		    open_client_key(&f.open, &f.server, &event.client));
	event = base;
	event.client.ip[3] = 1;
	assert_true(key != open_query_key(&f.open, &f.server, &event));
	assert_true(open_client_key(&f.open, &f.server, &base.client) !=
		    open_client_key(&f.open, &f.server, &event.client));
	event = base;
	event.client.len = 16;
	assert_true(key != open_query_key(&f.open, &f.server, &event));
	assert_true(open_client_key(&f.open, &f.server, &base.client) != open_client_key(&f.open, &two, &base.client));
	assert_true(open_id_key(&f.open, &f.server, 1) != open_id_key(&f.open, &f.server, 2));
	assert_true(open_id_key(&f.open, &f.server, 1) != open_id_key(&f.open, &two, 1));
	assert_true(open_call_key(&f.open, &f.server, 1) != open_call_key(&f.open, &f.server, 2));
	assert_true(open_call_key(&f.open, &f.server, 1) != open_call_key(&f.open, &two, 1));
	assert_true(open_question_key(&f.server, 1, 5) != open_question_key(&f.server, 2, 5));
	assert_true(open_question_key(&f.server, 1, 5) != open_question_key(&f.server, 1, 6));
	assert_true(open_question_key(&f.server, 1, 5) != open_question_key(&two, 1, 5));
	open_release(&f.open);
}

/* A freed session is in no index. */
static void test_indexes(void **state)
{
	struct event key = { .query_ns = 5 };
	struct fixture f;
	struct session *s;

	(void)state;
	setup(&f, 10, 1 << 20);
	s = session_new(&f);
	s->has_id = s->has_question = true;
	s->id = 3;
	s->question_hash = 4;
	s->query_ns = 5;
	open_index_group(&f.open, s);
	open_index_query(&f.open, s);
	assert_true(open_add_call(&f.open, s, 6));
	assert_ptr_equal(table_find(&f.open.by_query, open_query_key(&f.open, &f.server, &key)), &s->by_query);
	assert_ptr_equal(table_find(&f.open.by_id, open_id_key(&f.open, &f.server, 3)), &s->by_id);
	assert_ptr_equal(table_find(&f.open.by_question, open_question_key(&f.server, 3, 4)), &s->by_question);
	assert_ptr_equal(table_find(&f.open.calls, open_call_key(&f.open, &f.server, 6)), &s->calls->node);
	open_free(&f.open, s);
	assert_null(table_find(&f.open.by_query, open_query_key(&f.open, &f.server, &key)));
	assert_null(table_find(&f.open.by_id, open_id_key(&f.open, &f.server, 3)));
	assert_null(table_find(&f.open.by_question, open_question_key(&f.server, 3, 4)));
	assert_null(table_find(&f.open.calls, open_call_key(&f.open, &f.server, 6)));
	assert_int_equal(f.open.pool.used, 0);
	open_release(&f.open);
}

static void test_calls(void **state)
{
	struct fixture f;
	struct session *s;

	(void)state;
	setup(&f, 10, 1 << 20);
	s = session_new(&f);
	for (uint64_t i = 1; i <= CALLS_PER_SESSION_MAX; i++)
		assert_true(open_add_call(&f.open, s, i));
	assert_false(open_add_call(&f.open, s, 1000));
	assert_int_equal(s->nr_calls, CALLS_PER_SESSION_MAX);
	open_free(&f.open, s);
	assert_int_equal(f.open.pool.used, 0);
	open_release(&f.open);
}

/* Adds attempts whose query_ns are their numbers. */
static void add_attempts(struct fixture *f, struct session *s, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		struct attempt *a = open_add_attempt(&f->open, s);

		assert_non_null(a);
		a->query_ns = i;
		a->query = open_keep_message(&f->open, slice_of("x", 1), i);
	}
}

static void assert_attempts(const struct session *s, uint32_t nr, const uint64_t *numbers)
{
	unsigned i = 0;

	assert_int_equal(s->nr_attempts, nr);
	for (const struct attempt *a = s->attempts; a; a = a->next, i++) {
		assert_int_equal(a->query_ns, numbers[i]);
		if (!a->next)
			assert_ptr_equal(a, s->attempts_last);
	}
	assert_int_equal(numbers[i], 0);
}

static void test_attempts(void **state)
{
	struct fixture f;
	struct session *s;
	size_t used;

	(void)state;
	setup(&f, 10, 1 << 20);
	s = session_new(&f);
	add_attempts(&f, s, 1, 16);
	assert_attempts(s, 16, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0 });
	used = f.open.pool.used;
	add_attempts(&f, s, 17, 18);
	assert_attempts(s, 18, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 0 });
	add_attempts(&f, s, 19, 1000);
	assert_attempts(s, 1000, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 993, 994, 995, 996, 997, 998, 999, 1000, 0 });
	assert_int_equal(f.open.pool.used, used);
	open_free(&f.open, s);
	assert_int_equal(f.open.pool.used, 0);
	open_release(&f.open);
}

static void test_move_attempts(void **state)
{
	struct session *a, *b;
	struct fixture f;

	(void)state;
	setup(&f, 10, 1 << 20);
	a = session_new(&f);
	b = session_new(&f);
	add_attempts(&f, a, 1, 30);
	add_attempts(&f, b, 101, 103);
	assert_true(open_add_call(&f.open, a, 5));
	assert_true(open_add_call(&f.open, b, 6));
	open_move_attempts(&f.open, a, b);
	assert_attempts(b, 33, (uint64_t[]){ 101, 102, 103, 1, 2, 3, 4, 5, 23, 24, 25, 26, 27, 28, 29, 30, 0 });
	assert_attempts(a, 0, (uint64_t[]){ 0 });
	assert_null(a->calls);
	assert_int_equal(b->nr_calls, 2);
	for (struct call *call = b->calls; call; call = call->next)
		assert_ptr_equal(call->session, b);
	open_free(&f.open, a);
	open_free(&f.open, b);
	assert_int_equal(f.open.pool.used, 0);
	open_release(&f.open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_on_sessions),
		cmocka_unit_test(test_limit_on_memory),
		cmocka_unit_test(test_new_session),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_move_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
