#include "rfc3339.h"

#include <time.h>

static void two_digits(uint8_t *at, int value)
{
	at[0] = (uint8_t)('0' + value / 10);
	at[1] = (uint8_t)('0' + value % 10);
}

void rfc3339_write(struct rfc3339 *cache, uint64_t time_ns, struct buf *out)
{
	uint64_t second = time_ns / 1000000000;
	time_t t = (time_t)second;
	struct tm tm;

	if (!cache->is_set || cache->second != second) {
		gmtime_r(&t, &tm);
		memcpy(cache->text, "YYYY-MM-DDTHH:MM:SS.", sizeof(cache->text));
		two_digits(cache->text, (tm.tm_year + 1900) / 100);
		two_digits(cache->text + 2, (tm.tm_year + 1900) % 100);
		two_digits(cache->text + 5, tm.tm_mon + 1);
		two_digits(cache->text + 8, tm.tm_mday);
		two_digits(cache->text + 11, tm.tm_hour);
		two_digits(cache->text + 14, tm.tm_min);
		two_digits(cache->text + 17, tm.tm_sec);
		cache->second = second;
		cache->is_set = true;
	}
	buf_add(out, cache->text, sizeof(cache->text));
	buf_add_padded(out, time_ns % 1000000000, 9);
	buf_add_byte(out, 'Z');
}

void milliseconds_write(uint64_t duration_ns, struct buf *out)
{
	uint64_t us = duration_ns / 1000 + (duration_ns % 1000 >= 500);

	buf_add_uint(out, us / 1000);
	buf_add_byte(out, '.');
	buf_add_padded(out, us % 1000, 3);
}
