/*
 * options - the one table of options: from it come the parser, the ranges, the defaults and --help.
 */
#pragma once

#include "base/log.h"
#include "io/endpoint.h"
#include "io/probe.h"
#include "session/engine.h"
#include "session/selection.h"

enum {
	ENDPOINTS_MAX = 16,
	FILES_MAX = 1024,
};

enum command { COMMAND_DAEMON, COMMAND_REPLAY, COMMAND_EXPLAIN, COMMAND_TRACE, COMMAND_HELP, COMMAND_VERSION };

enum format { FORMAT_JSON, FORMAT_TEXT };

struct endpoints {
	unsigned nr;
	struct endpoint list[ENDPOINTS_MAX];
};

struct options {
	enum command command;
	struct endpoints listen, connect;
	const char *output; /* NULL: stdout */
	enum format format;
	bool no_messages;
	bool summary;
	const char *pcap; /* NULL: none */
	const char *http; /* ADDRESS:PORT, "off"; NULL: the default, without which the daemon runs on */
	struct probe_options probe;
	bool markdown;
	struct selection selection;
	struct engine_limits limits;
	uint64_t connections_max;
	uint64_t frame_max;
	uint64_t output_queue_max;
	uint64_t socket_mode;
	enum log_level log_level;
	unsigned nr_files; /* what is no option: files to replay, topics to explain */
	const char *files[FILES_MAX];
};

/*
 * Reads the command line; strings point into argv. Returns 0, or -EINVAL after one line on stderr that names the
 * option, its value and what is allowed.
 */
int options_parse(struct options *o, int argc, char **argv);

/* All commands and options, on stdout. */
void options_help(void);
