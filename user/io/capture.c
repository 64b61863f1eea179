#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

struct capture {
	pcap_t *pcap;
	enum packet_link link;
	struct capture_stats stats;
};

struct capture *capture_open(const char *path, const char **why)
{
	static char text[PCAP_ERRBUF_SIZE + 32];
	struct capture *c = calloc(1, sizeof(*c));
	int link;

	*why = text;
	if (!c) {
		snprintf(text, sizeof(text), "no memory");
		return NULL;
	}
	c->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!c->pcap) {
		free(c);
		return NULL;
	}
	/* libpcap says DLT_ numbers, which for raw IP differ by system; the file has LINKTYPE_ numbers. */
	link = pcap_datalink(c->pcap);
	if (link == DLT_RAW)
		link = PACKET_LINK_RAW;
	if (!packet_link_known(link)) {
		snprintf(text, sizeof(text), "link type %d is not known: Ethernet, Linux cooked and raw IP are", link);
		capture_close(c);
		return NULL;
	}
	c->link = (enum packet_link)link;
	return c;
}

void capture_close(struct capture *c)
{
	pcap_close(c->pcap);
	free(c);
}

static bool take(struct capture *c, const struct pcap_pkthdr *header, const uint8_t *bytes, struct packet *out)
{
	c->stats.nr_packets++;
	if (header->caplen < header->len)
		c->stats.nr_cut++;
	switch (packet_parse(c->link, slice_of(bytes, header->caplen), out)) {
	case PACKET_OK:
		/* In this precision tv_usec holds nanoseconds. */
		out->time_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
		return true;
	case PACKET_FRAGMENT:
		c->stats.nr_fragments++;
		return false;
	case PACKET_MALFORMED:
		c->stats.nr_malformed++;
		return false;
	case PACKET_OTHER:
		break;
	}
	c->stats.nr_other++;
	return false;
}

int capture_next(struct capture *c, struct packet *out)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int n;

	while ((n = pcap_next_ex(c->pcap, &header, &bytes)) == 1)
		if (take(c, header, bytes, out))
			return 1;
	return n == PCAP_ERROR_BREAK ? 0 : -EIO;
}

const char *capture_error(const struct capture *c)
{
	return pcap_geterr(c->pcap);
}

const struct capture_stats *capture_stats(const struct capture *c)
{
	return &c->stats;
}
