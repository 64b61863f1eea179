#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct factor {
	enum value_unit unit;
	const char *name;
	uint64_t factor;
	bool is_shown; /* in messages; the largest that divides is taken */
};

static const struct factor factors[] = {
	{ VALUE_UNIT_ONE, "", 1, true },
	{ VALUE_UNIT_OCTAL, "", 1, true },
	{ VALUE_UNIT_NS, "ms", 1000000, true },
	{ VALUE_UNIT_NS, "s", 1000000000, true },
	{ VALUE_UNIT_NS, "m", 60000000000, true },
	{ VALUE_UNIT_NS, "h", 3600000000000, true },
	{ VALUE_UNIT_BYTES, "", 1, true },
	{ VALUE_UNIT_BYTES, "KiB", 1ULL << 10, true },
	{ VALUE_UNIT_BYTES, "K", 1ULL << 10, false },
	{ VALUE_UNIT_BYTES, "MiB", 1ULL << 20, true },
	{ VALUE_UNIT_BYTES, "M", 1ULL << 20, false },
	{ VALUE_UNIT_BYTES, "GiB", 1ULL << 30, true },
	{ VALUE_UNIT_BYTES, "G", 1ULL << 30, false },
};

enum { FACTORS = sizeof(factors) / sizeof(*factors) };

bool value_parse(const char *text, enum value_unit unit, uint64_t *out)
{
	unsigned long long n;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, unit == VALUE_UNIT_OCTAL ? 8 : 10);
	if (errno)
		return false;
	for (unsigned i = 0; i < FACTORS; i++) {
		const struct factor *f = &factors[i];

		if (f->unit == unit && strcasecmp(end, f->name) == 0 && n <= UINT64_MAX / f->factor) {
			*out = n * f->factor;
			return true;
		}
	}
	return false;
}

static int print(enum value_unit unit, uint64_t value, char *out, size_t size)
{
	const struct factor *best = NULL;

	for (unsigned i = 0; i < FACTORS; i++)
		if (factors[i].unit == unit && factors[i].is_shown && value % factors[i].factor == 0 &&
		    (!best || (value && factors[i].factor > best->factor)))
			best = &factors[i];
	if (!best)
		return snprintf(out, size, "%llu", (unsigned long long)value);
	return snprintf(out, size, unit == VALUE_UNIT_OCTAL ? "0%llo%s" : "%llu%s",
			(unsigned long long)(value / best->factor), best->name);
}

void value_range_text(enum value_unit unit, uint64_t min, uint64_t max, char *out, size_t size)
{
	static const char *const what[] = {
		[VALUE_UNIT_ONE] = "number",
		[VALUE_UNIT_NS] = "duration",
		[VALUE_UNIT_BYTES] = "size",
		[VALUE_UNIT_OCTAL] = "mode",
	};
	char from[32], to[32];

	print(unit, min, from, sizeof(from));
	print(unit, max, to, sizeof(to));
	snprintf(out, size, "expected a %s from %s to %s", what[unit], from, to);
}
