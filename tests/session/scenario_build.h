/* Included by scenario.h: a step as the bytes of a dnstap frame. */
#pragma once

#include <stdio.h>

#include "tap_builder.h"
#include "wire/iana.h"

static const struct release_style {
	const char *identity, *version;
	bool has_socket; /* CoreDNS's own in FQ/FR */
	bool is_mapped;	 /* IPv4 in sixteen bytes */
} release_styles[] = {
	[V1_14_7] = { "coredns-1", "CoreDNS-1.14.7", .has_socket = true },
	[V1_7_1] = { .is_mapped = true },
	[V1_8_1] = { .is_mapped = true },
	[V1_8_6] = { .is_mapped = true },
	[V1_13_1] = { "coredns-1", "CoreDNS-1.13.1", .is_mapped = true },
	[V1_14_4] = { "coredns-1", "CoreDNS-1.14.4", .is_mapped = true },
	[V1_15_0] = { "coredns-1", "CoreDNS-1.15.0", .has_socket = true },
	[V_TEXT_CLIENT] = { "coredns-1", "our build", .is_mapped = true },
	[V_TEXT_SOCKET] = { "coredns-1", "our build", .has_socket = true },
};

static inline int64_t ms_to_ns(double ms)
{
	return (int64_t)(ms * 1e6 + (ms < 0 ? -0.5 : 0.5));
}

static inline uint64_t at_ns(double ms)
{
	return BASE_NS + (uint64_t)ms_to_ns(ms);
}

static inline const char *usual(const char *value, const char *otherwise)
{
	return value ? value : otherwise;
}

static inline uint16_t step_id(const struct step *step)
{
	return (uint16_t)(step->id == ZERO ? 0 : step->id ? step->id : 1);
}

static inline bool is_forwarder_step(const struct step *step)
{
	return step->what == STEP_FQ || step->what == STEP_FR;
}

/* "10.0.0.1:1000" or "[fd00::1]:1000" in two parts; the address is written to `storage`. */
static inline const char *split_port(const char *text, char storage[ADDR_TEXT_MAX], unsigned *port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	*port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
	if (len && text[0] == '[') {
		text++;
		len -= 2;
	}
	memcpy(storage, text, len);
	storage[len] = 0;
	return len ? storage : NULL;
}

static inline void build_message(const struct step *step, struct buf *out)
{
	struct dns_spec spec = {
		.id = step_id(step),
		.qname = step->no_question ? NULL : usual(step->name, "a.test."),
		.qtype = (uint16_t)step->qtype,
		.rcode = (uint16_t)step->rcode,
		.ttl = (uint32_t)(step->ttl == ZERO ? 0
				  : step->ttl	    ? step->ttl
						    : 30),
		.nr_answers = !step->is_empty && (step->rcode == 0 || step->ttl),
	};

	if (step->what == STEP_CQ || step->what == STEP_FQ)
		dns_build_query(&spec, out);
	else
		dns_build_response(&spec, out);
}

/* What CoreDNS makes of `extra "{remote} {port} {>id} {type} {name}"`. */
static inline const char *build_extra(const struct step *step, char *out, size_t size)
{
	char client[ADDR_TEXT_MAX], type[16] = "A";
	unsigned port;
	const char *remote = split_port(usual(step->client, "10.0.0.1:1000"), client, &port);
	const char *quote = remote && strchr(remote, ':') ? "[" : "";

	if (step->qtype)
		snprintf(type, sizeof(type), "%s", iana_type_name((uint16_t)step->qtype));
	snprintf(out, size, "%s%s%s %u %u %s %s", quote, usual(remote, ""), *quote ? "]" : "", port, step_id(step),
		 type, usual(step->name, "a.test."));
	return out;
}

/* The query_address of FQ/FR. */
static inline const char *forwarder_address(const struct scenario *scenario, const struct step *step)
{
	if (step->address)
		return step->address;
	if (release_styles[scenario->style].has_socket)
		return "10.0.9.9:40000";
	if (scenario->style == V1_7_1)
		return "";
	return scenario->style == V1_8_1 ? usual(step->upstream, "10.0.0.53:53") : usual(step->client, "10.0.0.1:1000");
}

static inline void build_addresses(const struct scenario *scenario, const struct step *step, struct tap_spec *spec,
				   char query[ADDR_TEXT_MAX], char response[ADDR_TEXT_MAX])
{
	const char *address =
		is_forwarder_step(step) ? forwarder_address(scenario, step) : usual(step->client, "10.0.0.1:1000");

	spec->query_address = split_port(address, query, &spec->query_port);
	spec->query_port_zero = strcmp(address, ":0") == 0;
	if (is_forwarder_step(step) && scenario->style != V1_8_1)
		spec->response_address =
			split_port(usual(step->upstream, "10.0.0.53:53"), response, &spec->response_port);
	else if (step->asked)
		spec->response_address = split_port(step->asked, response, &spec->response_port);
}

static inline void build_times(const struct scenario *scenario, const struct step *step, struct tap_spec *spec)
{
	bool is_response = step->what == STEP_CR || step->what == STEP_FR;

	if (!step->is_untimed && !(is_response && scenario->style == V1_7_1))
		spec->query_ns = at_ns(step->query);
	if (is_response)
		spec->response_ns = at_ns(step->response);
}

static inline void build_frame(const struct scenario *scenario, const struct step *step, struct buf *out)
{
	static const unsigned types[] = {
		[STEP_CQ] = TAP_CLIENT_QUERY,
		[STEP_CR] = TAP_CLIENT_RESPONSE,
		[STEP_FQ] = TAP_FORWARDER_QUERY,
		[STEP_FR] = TAP_FORWARDER_RESPONSE,
	};
	const struct release_style *style = &release_styles[scenario->style];
	char query[ADDR_TEXT_MAX], response[ADDR_TEXT_MAX], extra[400];
	struct tap_spec spec = {
		.identity = usual(step->identity, style->identity),
		.version = usual(step->version, style->version),
		.extra = scenario->has_extra && !step->extra ? build_extra(step, extra, sizeof(extra)) : step->extra,
		.type = step->type ? step->type : types[step->what],
		.protocol = step->tcp ? TAP_TCP : TAP_UDP,
		.mapped = style->is_mapped,
		.query_zone = step->zone,
	};
	struct buf message;

	buf_init(&message, 4096);
	build_addresses(scenario, step, &spec, query, response);
	build_times(scenario, step, &spec);
	if (!step->is_bare && !scenario->is_bare) {
		build_message(step, &message);
		if (step->what == STEP_CQ || step->what == STEP_FQ)
			spec.query_message = buf_slice(&message);
		else
			spec.response_message = buf_slice(&message);
	}
	tap_build(&spec, out);
	buf_release(&message);
}
