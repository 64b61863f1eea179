#include "classify.h"

#include "server.h"

#define ATTEMPT_TIMEOUT_NS 2000000000ULL /* forward waits that long for each answer, if it is not told otherwise */
#define ATTEMPT_MARGIN_NS 20000000ULL

/* What the rules ask of a session, worked out once. */
struct facts {
	const struct session *s;
	uint8_t bits;
	uint8_t lost;
	bool is_background;
	bool misses_cq; /* a client's query must have been there */
	bool is_error;	/* the response to the client: neither NOERROR nor NXDOMAIN */
	bool stream_started_late, stream_ended_early;
};

static bool is_error_rcode(int32_t rcode)
{
	return rcode != RCODE_UNKNOWN && rcode != DNS_RCODE_NOERROR && rcode != DNS_RCODE_NXDOMAIN;
}

/* All attempts may have timed out before the response. */
static bool had_time_to_fail(const struct session *s)
{
	uint64_t began_ns = s->attempts ? s->attempts->query_ns : s->query_ns;

	return s->response_ns >= began_ns + s->nr_unanswered * (ATTEMPT_TIMEOUT_NS - ATTEMPT_MARGIN_NS);
}

/*
 * A fresh answer after attempts of which none was answered: a stale one has TTL 0, and where the cache is told to write
 * another one (keepttl, serve_stale with a TTL), it comes when the attempts have timed out.
 */
static bool answers_without_source(const struct session *s)
{
	return (s->bitmap & BIT_CR) && (s->bitmap & BIT_FQ) && !(s->bitmap & BIT_FR) && s->rcode != RCODE_UNKNOWN &&
	       !is_error_rcode(s->rcode) && s->ttl_max > 0 && !had_time_to_fail(s);
}

static uint8_t lost_kinds(const struct session *s, bool misses_cq)
{
	uint8_t lost = misses_cq ? BIT_CQ : 0;

	if (s->nr_unasked)
		lost |= BIT_FQ;
	if (answers_without_source(s))
		lost |= BIT_FR;
	return lost;
}

static struct facts facts_of(const struct session *s)
{
	struct facts f = { .s = s, .bits = s->bitmap };

	f.is_background = session_is_background(s);
	f.misses_cq = !(s->bitmap & BIT_CQ) && !f.is_background && !s->forwards_first;
	f.is_error = (s->bitmap & BIT_CR) && is_error_rcode(s->rcode);
	f.stream_started_late = !(s->bitmap & BIT_CQ) && s->before_stream;
	f.stream_ended_early = s->end == SESSION_STREAM_ENDED;
	if (!s->forwards_first && !f.stream_started_late)
		f.lost = lost_kinds(s, f.misses_cq);
	return f;
}

static enum cause unanswered_cause(const struct session *s)
{
	return s->nr_unsent && s->nr_unsent == s->nr_unanswered ? CAUSE_UPSTREAM_UNREACHABLE : CAUSE_UPSTREAM_TIMEOUT;
}

/* 1. An error response to the client is a failure, whatever else was lost. */
static bool error_response(const struct facts *f, struct verdict *v)
{
	if (!f->is_error)
		return false;
	v->status = STATUS_FAILED;
	if (f->s->fr_rcodes & rcode_bit(f->s->rcode))
		v->cause = CAUSE_UPSTREAM_ERROR;
	else if ((f->bits & BIT_FQ) && !(f->bits & BIT_FR))
		v->cause = unanswered_cause(f->s);
	else
		v->cause = CAUSE_SERVER_ERROR;
	return true;
}

/* 2. */
static bool evicted(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_ANALYSER_OVERLOAD };
	return f->s->end == SESSION_EVICTED;
}

/* 3. */
static bool proven_loss(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_DNSTAP_LOST };
	return f->lost != 0;
}

/* 4. What the stream did not cover proves nothing. */
static bool stream_cut(const struct facts *f, struct verdict *v)
{
	bool is_unfinished = f->bits == BIT_CQ || f->bits == BIT_FQ || f->bits == (BIT_CQ | BIT_FQ) ||
			     f->bits == (BIT_CQ | BIT_FQ | BIT_FR) || f->misses_cq;

	*v = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_STREAM_STARTED };
	if (!f->stream_started_late)
		v->cause = CAUSE_STREAM_ENDED;
	return is_unfinished && !f->s->forwards_first && (f->stream_started_late || f->stream_ended_early);
}

/* 5, without `full`: from 1.15.0 on a response after unanswered attempts is nearly always the server's own SERVFAIL. */
static bool unknown_response_after_timeout(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = unanswered_cause(f->s) };
	return f->bits == (BIT_CQ | BIT_CR | BIT_FQ) && f->s->rcode == RCODE_UNKNOWN &&
	       release_taps_own_errors(f->s->server->release);
}

/* 5. NOERROR or NXDOMAIN, or no rcode without `full`. */
static bool answered(const struct facts *f, struct verdict *v)
{
	v->status = STATUS_SUCCEEDED;
	if (f->bits & BIT_FR)
		v->cause = CAUSE_UPSTREAM_ANSWER;
	else if (f->bits & BIT_FQ)
		v->cause = CAUSE_STALE_ANSWER;
	else
		v->cause = CAUSE_LOCAL_ANSWER;
	return f->bits & BIT_CR;
}

/* 10. Nobody waits for it: judged by what the upstream said. Here, so that the rules below are about clients. */
static bool background_refresh(const struct facts *f, struct verdict *v)
{
	bool is_answered = (f->bits & BIT_FR) && !is_error_rcode(f->s->last_fr_rcode);

	*v = (struct verdict){ .status = is_answered ? STATUS_SUCCEEDED : STATUS_FAILED,
			       .cause = CAUSE_BACKGROUND_REFRESH };
	return f->is_background;
}

/* 6. */
static bool upstream_silent(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = unanswered_cause(f->s) };
	return (f->bits & BIT_FQ) && !(f->bits & BIT_FR);
}

/* 7. */
static bool upstream_failed(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_UPSTREAM_ERROR };
	return (f->bits & BIT_FR) && is_error_rcode(f->s->last_fr_rcode);
}

/* 8. Over UDP a lost frame is likelier than a failed write; over TCP the client has usually gone. */
static bool response_not_recorded(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_RESPONSE_NOT_RECORDED };
	if (f->s->protocol == TAP_TCP)
		v->status = STATUS_FAILED;
	return f->bits & BIT_FR;
}

/* 9. */
static bool no_response(const struct facts *f, struct verdict *v)
{
	(void)f;
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_NO_RESPONSE };
	return true;
}

static const struct rule {
	const char *name;
	bool (*applies)(const struct facts *f, struct verdict *v);
} rules[] = {
	{ "error_response", error_response },
	{ "evicted", evicted },
	{ "proven_loss", proven_loss },
	{ "stream_cut", stream_cut },
	{ "unknown_response_after_timeout", unknown_response_after_timeout },
	{ "answered", answered },
	{ "background_refresh", background_refresh },
	{ "upstream_silent", upstream_silent },
	{ "upstream_failed", upstream_failed },
	{ "response_not_recorded", response_not_recorded },
	{ "no_response", no_response },
};

static const struct rule *judge(const struct facts *f, struct verdict *v)
{
	const struct rule *rule = rules;

	while (!rule->applies(f, v))
		rule++; /* the last rule always applies */
	v->lost = f->lost;
	return rule;
}

struct verdict classify(const struct session *s)
{
	struct facts f = facts_of(s);
	struct verdict v = { 0 };

	judge(&f, &v);
	return v;
}

const char *classify_rule(const struct session *s)
{
	struct facts f = facts_of(s);
	struct verdict v = { 0 };

	return judge(&f, &v)->name;
}
