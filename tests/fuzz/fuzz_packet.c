/*
 * Packets and what the watch makes of them: the first byte chooses the link layer, then records of a length (two bytes)
 * and a packet follow. Nothing is read behind a packet, a payload lies within it, and no more is told than there are
 * bytes for.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "session/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum packet_link links[] = { PACKET_LINK_NULL, PACKET_LINK_ETHERNET, PACKET_LINK_RAW, PACKET_LINK_SLL,
					  PACKET_LINK_SLL2 };

static void on_message(void *arg, const struct dns_sighting *m)
{
	size_t *nr = arg;

	(*nr)++;
	assert(!m->has_question || (m->qname.len > 0 && m->qname.len <= DNS_NAME_MAX && m->question_hash));
	assert(!m->is_whole || !m->is_cut);
}

static void on_retransmission(void *arg, const struct dns_sighting *m)
{
	(void)arg;
	assert(m->has_header);
}

static void on_reset(void *arg, const struct packet *p, const struct addr *querier, const struct addr *responder)
{
	(void)arg;
	assert(addr_eq(&p->src, querier) || addr_eq(&p->src, responder));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(slice_of(data, size));
	enum packet_link link = links[cursor_u8(&c) % (sizeof(links) / sizeof(*links))];
	size_t nr = 0, nr_packets = 0;
	struct watch_callbacks callbacks = { on_message, on_retransmission, on_reset, &nr };
	struct hash_key key = { { 3 } };
	struct watch *w = watch_new(4, &key, &callbacks);

	assert(w);
	while (cursor_left(&c) >= 2) {
		size_t len = cursor_u16(&c);
		struct slice bytes = cursor_bytes(&c, len < cursor_left(&c) ? len : cursor_left(&c));
		uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
		struct packet p;

		assert(copy);
		memcpy(copy, bytes.data ? bytes.data : copy, bytes.len);
		if (packet_parse(link, slice_of(copy, bytes.len), &p) == PACKET_OK) {
			assert(p.payload.len <= bytes.len && p.payload.len <= p.payload_len);
			nr_packets++;
			watch_packet(w, 1, &p);
		}
		free(copy);
	}
	assert(nr <= size / DNS_HEADER_SIZE + nr_packets);
	assert(watch_stats(w)->nr_connections <= 4);
	watch_free(w);
	return 0;
}
