/* Included by gen.c: a session as DNS messages and dnstap frames. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "gen_names.h"

enum { CQ = 5, CR = 6, FQ = 7, FR = 8 };
enum { T_A = 1, T_CNAME = 5, T_SOA = 6, T_AAAA = 28 };

/* ---------------------------------------------------------------- buffers */
struct buf {
	uint8_t *p;
	size_t n;
};
static void put(struct buf *b, const void *s, size_t n)
{
	memcpy(b->p + b->n, s, n);
	b->n += n;
}
static void put8(struct buf *b, unsigned v)
{
	b->p[b->n++] = (uint8_t)v;
}
static void put16(struct buf *b, unsigned v)
{
	put8(b, v >> 8);
	put8(b, v);
}
static void put32(struct buf *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffff);
}
static void varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		put8(b, (unsigned)(v & 127) | 128);
	put8(b, (unsigned)v);
}
static void f_varint(struct buf *b, unsigned field, uint64_t v)
{
	varint(b, field << 3);
	varint(b, v);
}
static void f_fixed32(struct buf *b, unsigned field, uint32_t v)
{
	varint(b, field << 3 | 5);
	for (int i = 0; i < 4; i++)
		put8(b, v >> (8 * i) & 255);
}
static void f_bytes(struct buf *b, unsigned field, const void *s, size_t n)
{
	varint(b, field << 3 | 2);
	varint(b, n);
	put(b, s, n);
}

/* ---------------------------------------------------------------- sessions */
struct session {
	const struct name *q, *target, *zone; /* question, CNAME target or NULL, SOA owner */
	struct name own;		      /* storage for a search-path name */
	uint16_t id, qtype, port, up_port;
	uint8_t kind, rcode, nans, v6, tcp, edns, ad, upstream, zone_is_cluster, aa;
	uint32_t client, ttl, seed;
	uint64_t t_cq, t_fq, t_fr, t_cr;
};

static void rr_head(struct buf *b, const struct name *owner, int comp, unsigned type, uint32_t ttl, unsigned rdlen)
{
	if (comp)
		put16(b, 0xc00c);
	else
		put(b, owner->w, owner->n);
	put16(b, type);
	put16(b, 1);
	put32(b, ttl);
	put16(b, rdlen);
}

static size_t dns_message(uint8_t *out, const struct session *s, int response, int comp)
{
	struct buf b = { out, 0 };
	int soa = response && s->nans == 0 && s->rcode != 2;
	unsigned an = response ? s->nans + (s->target && s->nans ? 1 : 0) : 0;

	put16(&b, s->id);
	put16(&b, response ? 0x8180u | (unsigned)s->aa << 10 | s->rcode : 0x0100u | (unsigned)s->ad << 5);
	put16(&b, 1);
	put16(&b, an);
	put16(&b, soa);
	put16(&b, s->edns);
	put(&b, s->q->w, s->q->n);
	put16(&b, s->qtype);
	put16(&b, 1);
	if (an) {
		const struct name *o = s->q;

		if (s->target) {
			rr_head(&b, o, comp, T_CNAME, s->ttl, s->target->n);
			put(&b, s->target->w, s->target->n);
			o = s->target;
			comp = 0;
		}
		for (unsigned i = 0; i < s->nans; i++) {
			uint32_t h = s->seed + i * 0x01010203u;

			rr_head(&b, o, comp, s->qtype, s->ttl, s->qtype == T_A ? 4 : 16);
			if (s->qtype == T_A) {
				put32(&b, s->zone_is_cluster ? 0x0a600000u | (h & 0xffff) : h);
			} else {
				put32(&b, 0x2a002450u);
				put32(&b, h);
				put32(&b, 0);
				put32(&b, h * 31);
			}
		}
	}
	if (soa) {
		const struct name *m = s->zone_is_cluster ? &cluster_soa_m : &soa_m;
		const struct name *r = s->zone_is_cluster ? &cluster_soa_r : &soa_r;

		rr_head(&b, s->zone, 0, T_SOA, 30, m->n + r->n + 20u);
		put(&b, m->w, m->n);
		put(&b, r->w, r->n);
		put32(&b, 1763870000u);
		put32(&b, 7200);
		put32(&b, 1800);
		put32(&b, 86400);
		put32(&b, 30);
	}
	if (s->edns) {
		put8(&b, 0);
		put16(&b, 41);
		put16(&b, 1232);
		put32(&b, 0);
		put16(&b, 0);
	}
	return b.n;
}

static const char identity[] = "coredns-5d78c9869d-x7k2p", version[] = "CoreDNS-1.14.7";
static const uint8_t upstreams[3][4] = { { 10, 0, 0, 2 }, { 10, 0, 1, 2 }, { 169, 254, 169, 253 } };

static void be32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16 & 255;
	p[2] = v >> 8 & 255;
	p[3] = v & 255;
}

/* one frame: 4-byte length and the serialised message; fields in number order */
static size_t frame(uint8_t *out, const struct session *s, int type)
{
	static uint8_t inner[4096], wire[2048];
	struct buf m = { inner, 0 }, d = { out, 4 };
	int fwd = type == FQ || type == FR, resp = type == CR || type == FR;
	uint64_t qt = fwd ? s->t_fq : s->t_cq, rt = type == CR ? s->t_cr : s->t_fr;
	uint8_t addr[16] = { 0xfd, 0x00, 0x10, 0x24, 0x04 };
	size_t n;

	f_varint(&m, 1, (unsigned)type);
	f_varint(&m, 2, !fwd && s->v6 ? 2 : 1);
	f_varint(&m, 3, !fwd && s->tcp ? 2 : 1);
	if (fwd) {
		static const uint8_t self[4] = { 10, 244, 0, 5 };

		f_bytes(&m, 4, self, 4);
		f_bytes(&m, 5, upstreams[s->upstream], 4);
	} else if (s->v6) {
		be32(addr + 12, s->client);
		f_bytes(&m, 4, addr, 16);
	} else {
		be32(addr, 0x0af40000u + s->client);
		f_bytes(&m, 4, addr, 4);
	}
	f_varint(&m, 6, fwd ? s->up_port : s->port);
	if (fwd)
		f_varint(&m, 7, 53);
	f_varint(&m, 8, qt / 1000000000u);
	f_fixed32(&m, 9, (uint32_t)(qt % 1000000000u));
	if (!resp) {
		n = dns_message(wire, s, 0, 0);
		f_bytes(&m, 10, wire, n);
	} else {
		f_varint(&m, 12, rt / 1000000000u);
		f_fixed32(&m, 13, (uint32_t)(rt % 1000000000u));
		n = dns_message(wire, s, 1, 0);
		if (type == CR && n > 512)
			n = dns_message(wire, s, 1, 1);
		f_bytes(&m, 14, wire, n);
	}
	f_bytes(&d, 1, identity, sizeof identity - 1);
	f_bytes(&d, 2, version, sizeof version - 1);
	f_bytes(&d, 14, inner, m.n);
	f_varint(&d, 15, 1);
	be32(out, (uint32_t)(d.n - 4));
	return d.n;
}
