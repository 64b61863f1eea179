/*
 * sample - a finished session made by hand, for what is written of one: a stale answer of CoreDNS 1.14.7 after two
 * upstreams, of which the first was silent. Tests change what they are about.
 */
#pragma once

#include <stdlib.h>

#include "session/classify.h"
#include "session/server.h"
#include "tap_builder.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define SAMPLE_NS 1795411451123456789ULL /* 2026-11-23T05:24:11.123456789Z */

enum { SAMPLE_ATTEMPTS = 17, SAMPLE_MESSAGES = 40 };

struct sample {
	struct server server;
	struct session session;
	struct verdict verdict;
	struct attempt attempts[SAMPLE_ATTEMPTS];
	struct message *messages[SAMPLE_MESSAGES];
	unsigned nr_attempts, nr_messages;
};

static inline struct addr sample_addr(const char *ip, uint16_t port)
{
	struct addr a = { 0 };

	addr_parse(slice_from_str(ip), &a);
	a.port = port;
	return a;
}

/* Kept until sample_release(). */
static inline struct message *sample_message(struct sample *sample, struct slice bytes)
{
	struct message *m = calloc(1, sizeof(*m) + bytes.len);

	m->len = (uint32_t)bytes.len;
	memcpy(m->bytes, bytes.data, bytes.len);
	sample->messages[sample->nr_messages++] = m;
	return m;
}

static inline struct message *sample_text(struct sample *sample, const char *text)
{
	return sample_message(sample, slice_from_str(text));
}

static inline struct message *sample_dns(struct sample *sample, bool is_response, struct dns_spec spec)
{
	struct message *m;
	struct buf bytes;

	buf_init(&bytes, 4096);
	if (is_response)
		dns_build_response(&spec, &bytes);
	else
		dns_build_query(&spec, &bytes);
	m = sample_message(sample, buf_slice(&bytes));
	buf_release(&bytes);
	return m;
}

/* A new last attempt, without an answer. */
static inline struct attempt *sample_attempt(struct sample *sample, const char *upstream)
{
	struct attempt *a = &sample->attempts[sample->nr_attempts++];
	struct session *s = &sample->session;

	*a = (struct attempt){ .query_ns = SAMPLE_NS + 1000000,
			       .upstream = sample_addr(upstream, 53),
			       .protocol = TAP_UDP,
			       .has_query = true,
			       .rcode = RCODE_UNKNOWN };
	if (s->attempts_last)
		s->attempts_last->next = a;
	else
		s->attempts = a;
	s->attempts_last = a;
	s->nr_attempts++;
	return a;
}

static inline void sample_answered(struct attempt *a, int32_t rcode, uint64_t after_ns)
{
	a->has_response = true;
	a->rcode = rcode;
	a->response_ns = a->query_ns + after_ns;
}

static inline void sample_server(struct sample *sample, const char *name, const char *version)
{
	struct server *server = &sample->server;

	server->has_identity = true;
	server->name_len = (uint8_t)strlen(name);
	memcpy(server->name, name, server->name_len);
	server->version_len = (uint8_t)strlen(version);
	memcpy(server->version, version, server->version_len);
	server->release = release_parse(slice_from_str(version));
}

/* Nothing but a server and a verdict. */
static inline void sample_init_bare(struct sample *sample)
{
	*sample = (struct sample){ 0 };
	sample_server(sample, "coredns-7d56l", "CoreDNS-1.14.7");
	sample->session = (struct session){
		.server = &sample->server, .protocol = TAP_UDP, .rcode = RCODE_UNKNOWN, .last_fr_rcode = RCODE_UNKNOWN
	};
	sample->verdict = (struct verdict){ .status = STATUS_SUCCEEDED, .cause = CAUSE_UPSTREAM_ANSWER };
}

static inline void sample_init(struct sample *sample)
{
	struct dns_spec question = { .id = 4660, .qname = "api.example.com.", .ttl = 30 };
	struct session *s = &sample->session;
	struct attempt *a;

	sample_init_bare(sample);
	s->bitmap = BIT_CQ | BIT_CR | BIT_FQ | BIT_FR;
	s->has_id = s->has_question = s->has_client = true;
	s->id = 4660;
	s->client = sample_addr("10.0.3.7", 40123);
	s->query_ns = SAMPLE_NS;
	s->response_ns = SAMPLE_NS + 2003264499;
	s->rcode = DNS_RCODE_NOERROR;
	s->query = sample_dns(sample, false, question);
	a = sample_attempt(sample, "10.0.0.53");
	a->query = sample_dns(sample, false, question);
	a = sample_attempt(sample, "fd00::54");
	a->query = sample_dns(sample, false, question);
	question.nr_answers = 1;
	sample_answered(a, DNS_RCODE_NOERROR, 2002189500);
	a->response = sample_dns(sample, true, question);
	s->response = sample_dns(sample, true, question);
}

static inline void sample_release(struct sample *sample)
{
	for (unsigned i = 0; i < sample->nr_messages; i++)
		free(sample->messages[i]);
}
