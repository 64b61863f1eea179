#include "selection.h"

#include <stdlib.h>

#include "session_view.h"
#include "wire/iana.h"

bool selection_add_status(struct selection *sel, const char *term)
{
	enum status status;

	if (!status_parse(term, &status))
		return false;
	sel->statuses |= 1U << status;
	return true;
}

bool selection_add_bitmap(struct selection *sel, const char *term)
{
	char *end;
	unsigned long n = strtoul(term, &end, 10);

	if (term[0] < '0' || term[0] > '9' || *end || n > 15)
		return false;
	sel->bitmaps |= 1U << n;
	return true;
}

bool selection_add_cause(struct selection *sel, const char *term)
{
	enum cause cause;

	if (!cause_parse(term, &cause))
		return false;
	sel->causes |= 1U << cause;
	return true;
}

bool selection_add_rcode(struct selection *sel, const char *term)
{
	return sel->nr_rcodes < SELECTION_TERMS_MAX &&
	       iana_rcode_parse(slice_from_str(term), &sel->rcodes[sel->nr_rcodes]) && ++sel->nr_rcodes;
}

bool selection_add_client(struct selection *sel, const char *term)
{
	return sel->nr_clients < SELECTION_TERMS_MAX && addr_prefix_parse(term, &sel->clients[sel->nr_clients]) &&
	       ++sel->nr_clients;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool selection_add_qname(struct selection *sel, const char *term)
{
	uint8_t *wire;
	size_t len;

	if (sel->nr_qnames >= SELECTION_TERMS_MAX)
		return false;
	wire = sel->qnames[sel->nr_qnames].wire;
	len = dns_name_from_text(slice_from_str(term), wire);
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		wire[i] = lower(wire[i]);
	sel->qnames[sel->nr_qnames++].len = (uint8_t)len;
	return true;
}

bool selection_rcode(const struct selection *sel, int32_t rcode)
{
	for (unsigned i = 0; i < sel->nr_rcodes; i++)
		if (rcode == sel->rcodes[i])
			return true;
	return sel->nr_rcodes == 0;
}

bool selection_client(const struct selection *sel, const struct addr *client)
{
	for (unsigned i = 0; client && i < sel->nr_clients; i++)
		if (addr_in_prefix(client, &sel->clients[i]))
			return true;
	return sel->nr_clients == 0;
}

/* Suffixes begin where labels do: "ample.com" is none of "example.com". */
static bool has_suffix(struct slice qname, const uint8_t *suffix, size_t len)
{
	size_t at = 0;

	while (at < qname.len && qname.len - at > len)
		at += qname.data[at] + 1U;
	if (at > qname.len || qname.len - at != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(qname.data[at + i]) != suffix[i])
			return false;
	return true;
}

bool selection_qname(const struct selection *sel, const struct slice *qname)
{
	if (sel->nr_qnames == 0)
		return true;
	for (unsigned i = 0; qname && i < sel->nr_qnames; i++)
		if (has_suffix(*qname, sel->qnames[i].wire, sel->qnames[i].len))
			return true;
	return false;
}

static bool qname_matches(const struct selection *sel, const struct session *s)
{
	struct session_question q;

	return sel->nr_qnames == 0 || (session_question(s, &q) && selection_qname(sel, &q.qname));
}

static bool matches(const struct selection *sel, const struct session *s, const struct verdict *v)
{
	return (!sel->statuses || sel->statuses >> v->status & 1) && (!sel->bitmaps || sel->bitmaps >> s->bitmap & 1) &&
	       (!sel->causes || sel->causes >> v->cause & 1) && selection_rcode(sel, session_rcode(s)) &&
	       selection_client(sel, session_client(s)) && qname_matches(sel, s);
}

bool selection_wants(struct selection *sel, const struct session *s, const struct verdict *v)
{
	if (!matches(sel, s, v)) {
		sel->nr_filtered++;
		return false;
	}
	if (v->status != STATUS_SUCCEEDED || sel->succeeded_sample <= 1)
		return true;
	if (sel->nr_succeeded++ % sel->succeeded_sample == 0)
		return true;
	sel->nr_sampled_out++;
	return false;
}
