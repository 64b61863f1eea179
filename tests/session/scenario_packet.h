/* Included by scenario.h: a step as a packet, seen where CoreDNS 10.0.9.9 listens on port 53. */
#pragma once

#include "scenario_build.h"
#include "wire/packet.h"

#define SERVER_ADDRESS "10.0.9.9:53"
#define SERVER_SOCKET "10.0.9.9:40000"

static inline struct addr addr_of(const char *text)
{
	char storage[ADDR_TEXT_MAX];
	struct addr a = { 0 };
	unsigned port;
	const char *ip = split_port(text, storage, &port);

	if (ip)
		addr_parse(slice_from_str(ip), &a);
	a.port = (uint16_t)port;
	return a;
}

static inline bool is_response_packet(const struct step *step)
{
	return step->what == STEP_PR || step->what == STEP_UR || step->what == STEP_DROP_R;
}

static inline bool is_upstream_packet(const struct step *step)
{
	return step->what == STEP_UQ || step->what == STEP_UR;
}

static inline void build_payload(const struct step *step, struct buf *out)
{
	struct dns_spec spec = {
		.id = step_id(step),
		.qname = step->no_question ? NULL : usual(step->name, "a.test."),
		.qtype = (uint16_t)step->qtype,
		.rcode = (uint16_t)step->rcode,
		.nr_answers = step->rcode == 0,
	};

	if (is_response_packet(step))
		dns_build_response(&spec, out);
	else
		dns_build_query(&spec, out);
}

/* `payload` must live as long as the packet. */
static inline struct packet build_packet(const struct step *step, struct buf *payload)
{
	struct packet p = { .time_ns = at_ns(step->query), .protocol = TAP_UDP, .interface = 1 };
	struct addr querier, responder;

	if (is_upstream_packet(step)) {
		querier = addr_of(usual(step->address, SERVER_SOCKET));
		responder = addr_of(usual(step->upstream, "10.0.0.53:53"));
	} else {
		querier = addr_of(usual(step->client, "10.0.0.1:1000"));
		responder = addr_of(usual(step->asked, SERVER_ADDRESS));
	}
	build_payload(step, payload);
	p.src = is_response_packet(step) ? responder : querier;
	p.dst = is_response_packet(step) ? querier : responder;
	p.direction = is_upstream_packet(step) == is_response_packet(step) ? PACKET_IN : PACKET_OUT;
	p.payload = buf_slice(payload);
	p.payload_len = (uint32_t)payload->len;
	if (step->what == STEP_DROP_Q || step->what == STEP_DROP_R) {
		p.kind = PACKET_DROP;
		p.direction = PACKET_UNTOLD;
		p.reason = usual(step->reason, "NETFILTER_DROP");
	} else if (step->what == STEP_ICMP) {
		p.kind = PACKET_ICMP;
		p.icmp_type = 3;
		p.icmp_code = 3;
	}
	return p;
}
