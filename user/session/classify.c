#include "classify.h"

#include "server.h"
#include "session_view.h"

#define ATTEMPT_TIMEOUT_NS 2000000000ULL /* forward waits that long for each answer, if it is not told otherwise */
#define ATTEMPT_MARGIN_NS 20000000ULL

/* What the rules ask of a session, worked out once. */
struct facts {
	const struct session *s;
	uint8_t bits;
	uint8_t lost;
	bool is_background;
	bool misses_cq; /* a client's query must have been there */
	bool stream_started_late, stream_ended_early;
	/* The response to the client, by its CR or by its packet. */
	int32_t rcode;
	bool is_answered;
	bool is_error; /* neither NOERROR nor NXDOMAIN */
	uint8_t lost_by_structure, untapped;
	/* The packets: NULL where there are none of this session, or nobody watched. */
	const struct kernel_view *kernel;
	bool is_certain; /* what was not seen was not there */
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

/* The bits of a DNS header that CoreDNS passes on from an upstream's response, and sets anew in one of its own. */
static bool is_passed_on(const struct session *s, uint16_t flags)
{
	for (const struct attempt *a = s->attempts; a; a = a->next) {
		const struct message *m = a->response;

		if (m && m->len > 3 && (m->bytes[3] & 0x80) && (flags & 0x80) && (m->bytes[3] & 0xf) == (flags & 0xf))
			return true;
	}
	return false;
}

/*
 * A response left, and no CR came. Up to 1.14.7 the errors that the server itself writes are not tapped: those are no
 * loss; what a plugin writes is. A response that an upstream gave has RA set like the FR's, the server's own has not.
 */
static void response_unshown(struct facts *f)
{
	const struct session *s = f->s;

	if (f->is_error && (f->bits == 0 || !(release_taps_own_errors(s->server->release) ||
					      is_passed_on(s, f->kernel->response_flags))))
		f->untapped |= BIT_CR;
	else if (!s->is_not_tapped && !f->stream_ended_early)
		f->lost |= BIT_CR;
}

static bool proves_lost_response(const struct session *s)
{
	for (const struct attempt *a = s->attempts; a; a = a->next)
		if (a->has_query && !a->has_response && a->kernel && a->kernel->proves_response)
			return true;
	return false;
}

/* What only the packets prove. */
static void add_kernel_facts(struct facts *f)
{
	const struct session *s = f->s;

	if (s->nr_unshown)
		f->lost |= BIT_FQ | BIT_FR;
	if (s->kernel && proves_lost_response(s) && !f->stream_ended_early)
		f->lost |= BIT_FR;
	if (!f->kernel)
		return;
	/* One that was dropped in CoreDNS's own namespace was never written as far as CoreDNS knows, and not tapped. */
	if (!(f->bits & BIT_CR) && f->kernel->has_response && f->kernel->response_left)
		response_unshown(f);
	/* The server's own SERVFAIL is written behind the plugins, so the query was tapped; other errors are not
	 * always. */
	if (f->bits == 0 && f->kernel->has_response && !s->is_not_tapped && !f->stream_ended_early &&
	    (!f->is_error || f->rcode == DNS_RCODE_SERVFAIL))
		f->lost |= BIT_CQ;
}

static const struct kernel_view *packets_of(const struct session *s)
{
	const struct kernel_view *k = s->kernel;

	return k && (k->query_ns || k->has_response) ? k : NULL;
}

static struct facts facts_of(const struct session *s)
{
	struct facts f = { .s = s, .bits = s->bitmap };

	f.is_background = session_is_background(s);
	f.misses_cq = s->bitmap && !(s->bitmap & BIT_CQ) && !f.is_background && !s->forwards_first;
	f.kernel = packets_of(s);
	f.is_certain = f.kernel && f.kernel->state == KERNEL_COMPLETE;
	f.is_answered = (s->bitmap & BIT_CR) || (f.kernel && f.kernel->has_response);
	f.rcode = session_rcode(s);
	f.is_error = f.is_answered && is_error_rcode(f.rcode);
	f.stream_started_late = !(s->bitmap & BIT_CQ) && s->before_stream;
	f.stream_ended_early = s->end == SESSION_STREAM_ENDED;
	if (!s->forwards_first && !f.stream_started_late) {
		f.lost = f.lost_by_structure = lost_kinds(s, f.misses_cq);
		add_kernel_facts(&f);
	} else if (f.kernel && f.is_error && f.bits == 0) {
		f.untapped = BIT_CR;
	}
	return f;
}

static enum cause unanswered_cause(const struct session *s)
{
	return s->nr_unsent && s->nr_unsent == s->nr_unanswered ? CAUSE_UPSTREAM_UNREACHABLE : CAUSE_UPSTREAM_TIMEOUT;
}

/* The query never came to be read. */
static bool query_dropped(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_QUERY_DROPPED };
	return f->bits == 0 && f->kernel && f->kernel->query_dropped && !f->is_answered;
}

/* CoreDNS did its part, and the client has got nothing. */
static bool response_dropped(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_RESPONSE_DROPPED };
	return f->kernel && f->kernel->response_dropped;
}

/* CoreDNS says that it has answered; nothing left. */
static bool response_not_sent(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_RESPONSE_NOT_SENT };
	return (f->bits & BIT_CR) && f->is_certain && f->kernel->has_query && !f->kernel->has_response;
}

/* 1. An error response to the client is a failure, whatever else was lost. */
static bool error_response(const struct facts *f, struct verdict *v)
{
	if (!f->is_error)
		return false;
	v->status = STATUS_FAILED;
	/* Without `full` FR tells no rcode, and the packet alone told the client's. */
	if ((f->s->fr_rcodes & rcode_bit(f->rcode)) || ((f->bits & BIT_FR) && f->s->last_fr_rcode == RCODE_UNKNOWN))
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
	bool is_unfinished = f->bits == 0 || f->bits == BIT_CQ || f->bits == BIT_FQ || f->bits == (BIT_CQ | BIT_FQ) ||
			     f->bits == (BIT_CQ | BIT_FQ | BIT_FR) || f->misses_cq;

	*v = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_STREAM_STARTED };
	if (!f->stream_started_late)
		v->cause = CAUSE_STREAM_ENDED;
	if (f->bits == 0 && !f->is_answered)
		return false;
	return is_unfinished && !f->s->forwards_first && !f->s->is_not_tapped &&
	       (f->stream_started_late || f->stream_ended_early);
}

/* A server block without `dnstap`. */
static bool not_tapped(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_SUCCEEDED, .cause = CAUSE_NOT_TAPPED };
	return f->bits == 0 && f->is_answered && f->s->is_not_tapped;
}

/* 5, without `full`: from 1.15.0 on a response after unanswered attempts is nearly always the server's own SERVFAIL. */
static bool unknown_response_after_timeout(const struct facts *f, struct verdict *v)
{
	*v = (struct verdict){ .status = STATUS_FAILED, .cause = unanswered_cause(f->s) };
	return f->bits == (BIT_CQ | BIT_CR | BIT_FQ) && f->rcode == RCODE_UNKNOWN &&
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
	if (f->is_certain && !f->is_answered)
		*v = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_RESPONSE_NOT_SENT };
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
	{ "query_dropped", query_dropped },
	{ "response_dropped", response_dropped },
	{ "error_response", error_response },
	{ "evicted", evicted },
	{ "response_not_sent", response_not_sent },
	{ "proven_loss", proven_loss },
	{ "stream_cut", stream_cut },
	{ "not_tapped", not_tapped },
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
	v->lost_by_structure = f->lost_by_structure;
	v->untapped = f->untapped;
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
