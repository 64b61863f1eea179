/*
 * log - the program's own log: one line on stderr for each event, `time=... level=info msg="..." key=value` (time in
 * RFC 3339, UTC). Values with blanks, quotes or bytes outside printable ASCII are quoted and escaped, so that nothing
 * from the network can forge a line. Only user/io and user/app log; the layers below return results.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug"; false for any other word. */
bool log_level_parse(const char *word, enum log_level *out);

struct log_field {
	enum { LOG_FIELD_STR, LOG_FIELD_UINT } kind;
	const char *key;
	const char *str;
	uint64_t uint;
};

#define F_STR(key_, value_) ((struct log_field){ .kind = LOG_FIELD_STR, .key = (key_), .str = (value_) })
#define F_UINT(key_, value_) ((struct log_field){ .kind = LOG_FIELD_UINT, .key = (key_), .uint = (value_) })

void log_fields(enum log_level level, const char *msg, const struct log_field *fields, unsigned nr);

#define LOG(level, msg, ...)                                                  \
	log_fields((level), (msg), (const struct log_field[]){ __VA_ARGS__ }, \
		   sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
#define log_error(msg, ...) LOG(LOG_ERROR, msg, __VA_ARGS__)
#define log_warn(msg, ...) LOG(LOG_WARN, msg, __VA_ARGS__)
#define log_info(msg, ...) LOG(LOG_INFO, msg, __VA_ARGS__)
#define log_debug(msg, ...) LOG(LOG_DEBUG, msg, __VA_ARGS__)

/* Logs msg with `subject` and the text of the errno value, and returns -errno_value: say it and set it in one
 * statement. */
int log_errno(int errno_value, const char *msg, const char *subject);
