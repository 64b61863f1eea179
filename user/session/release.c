#include "release.h"

static const char prefix[] = "CoreDNS-";

/* Reads digits and the dot behind them; false if there are none or the number passes ten bits. */
static bool number(struct slice *s, uint32_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < s->len && s->data[n] >= '0' && s->data[n] <= '9'; n++) {
		*out = *out * 10 + (uint32_t)(s->data[n] - '0');
		if (*out >= 1024)
			return false;
	}
	if (n == 0)
		return false;
	if (n < s->len && s->data[n] == '.')
		n++;
	*s = slice_of(s->data + n, s->len - n);
	return true;
}

struct release release_parse(struct slice version)
{
	struct release r = { .kind = version.len ? RELEASE_OTHER : RELEASE_NONE };
	size_t skip = sizeof(prefix) - 1;
	uint32_t major, minor, patch;
	struct slice rest;

	if (version.len <= skip || memcmp(version.data, prefix, skip) != 0)
		return r;
	rest = slice_of(version.data + skip, version.len - skip);
	if (!number(&rest, &major) || !number(&rest, &minor))
		return r;
	if (!number(&rest, &patch))
		patch = 0;
	return (struct release){ .kind = RELEASE_KNOWN, .number = RELEASE(major, minor, patch) };
}

enum forwarder_address release_forwarder_address(struct release r)
{
	switch (r.kind) {
	case RELEASE_NONE:
		return FORWARDER_ADDRESS_CLIENT;
	case RELEASE_KNOWN:
		return r.number >= RELEASE(1, 14, 5) ? FORWARDER_ADDRESS_SOCKET : FORWARDER_ADDRESS_CLIENT;
	case RELEASE_OTHER:
		break;
	}
	return FORWARDER_ADDRESS_UNTOLD;
}

bool release_flushes_each_second(struct release r)
{
	return r.kind == RELEASE_KNOWN && (r.number < RELEASE(1, 9, 1) || r.number >= RELEASE(1, 13, 2));
}

bool release_taps_own_errors(struct release r)
{
	return r.kind == RELEASE_KNOWN && r.number >= RELEASE(1, 15, 0);
}

bool release_marks_refresh(struct release r)
{
	return r.kind == RELEASE_KNOWN && r.number >= RELEASE(1, 14, 3);
}
