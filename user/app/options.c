#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "io/producer.h"
#include "io/sink.h"
#include "options_probe.h"
#include "value.h"

enum kind_of_value {
	VALUE_FLAG,
	VALUE_DURATION,
	VALUE_SIZE,
	VALUE_COUNT,
	VALUE_OCTAL,
	VALUE_STRING,
	VALUE_ENDPOINT,
	VALUE_FORMAT,
	VALUE_LEVEL,
	VALUE_TERM,
	VALUE_MODE,
	VALUE_PORT,
	VALUE_PID,
	VALUE_NETNS,
};

enum {
	FOR_DAEMON = 1 << COMMAND_DAEMON,
	FOR_REPLAY = 1 << COMMAND_REPLAY,
	FOR_EXPLAIN = 1 << COMMAND_EXPLAIN,
	FOR_TRACE = 1 << COMMAND_TRACE,
	FOR_SESSIONS = FOR_DAEMON | FOR_REPLAY,
	FOR_PROBE = FOR_DAEMON | FOR_TRACE,
	FOR_ALL = FOR_DAEMON | FOR_REPLAY | FOR_TRACE,
};

struct option {
	const char *name;
	const char *placeholder; /* of the value in --help */
	unsigned commands;	 /* FOR_* */
	enum kind_of_value kind;
	size_t at; /* offset in struct options; of VALUE_TERM unused */
	uint64_t min, max;
	bool (*add_term)(struct selection *sel, const char *term);
	const char *help;
};

#define AT(member) offsetof(struct options, member)
#define GIB (1ULL << 30)

static const struct option table[] = {
	{ "listen", "URI", FOR_DAEMON, VALUE_ENDPOINT, AT(listen), 0, 0, NULL,
	  "tcp://ADDRESS:PORT or unix:///PATH; repeatable (default tcp://0.0.0.0:6000 and, where there is IPv6, "
	  "tcp://[::]:6000)" },
	{ "connect", "URI", FOR_DAEMON, VALUE_ENDPOINT, AT(connect), 0, 0, NULL,
	  "dial a CoreDNS >= 1.14.4 that has `dnstap listen`; repeatable; replaces the default of --listen" },
	{ "socket-mode", "OCTAL", FOR_DAEMON, VALUE_OCTAL, AT(socket_mode), 0, 0777, NULL,
	  "permissions of unix sockets (default 0660)" },
	{ "output", "FILE", FOR_ALL, VALUE_STRING, AT(output), 0, 0, NULL,
	  "where sessions go (default - : stdout); SIGHUP opens it anew" },
	{ "format", "json|text", FOR_ALL, VALUE_FORMAT, AT(format), 0, 0, NULL,
	  "one JSON object a line, or one line for the eye (default json)" },
	{ "no-messages", NULL, FOR_SESSIONS, VALUE_FLAG, AT(no_messages), 0, 0, NULL, "leave out Messages" },
	{ "summary", NULL, FOR_REPLAY, VALUE_FLAG, AT(summary), 0, 0, NULL,
	  "print a summary on stdout; sessions only to --output FILE" },
	{ "pcap", "FILE", FOR_REPLAY, VALUE_STRING, AT(pcap), 0, 0, NULL,
	  "the packets of the same time (pcap, pcapng): what dnstap does not show is told by them" },
	{ "probe", "auto|require|off", FOR_DAEMON, VALUE_MODE, AT(probe.mode), 0, 0, NULL,
	  "watch the packets of CoreDNS on this node with BPF; auto: without privilege run on with dnstap alone; "
	  "require: "
	  "end with status 2 then (default auto)" },
	{ "probe-process", "NAME", FOR_PROBE, VALUE_STRING, AT(probe.process), 0, 0, NULL,
	  "executables to watch, by the name of their file (default coredns, where neither pid nor netns is given)" },
	{ "probe-pid", "PID", FOR_PROBE, VALUE_PID, 0, 0, 0, NULL, "watch this process; repeatable" },
	{ "probe-netns", "PATH", FOR_PROBE, VALUE_NETNS, 0, 0, 0, NULL,
	  "watch this network namespace, such as /run/netns/NAME; repeatable" },
	{ "probe-port", "PORT", FOR_PROBE, VALUE_PORT, 0, 0, 0, NULL,
	  "a further port of DNS, of clients or upstreams, beside 53 and those on which CoreDNS listens; repeatable" },
	{ "probe-ring", "SIZE", FOR_PROBE, VALUE_SIZE, AT(probe.ring_size), 64 << 10, 1 << 30, NULL,
	  "the kernel's ring, rounded up to a power of two; when it is full, packets are lost and counted (default "
	  "8MiB)" },
	{ "max-watches", "N", FOR_PROBE, VALUE_COUNT, AT(probe.watches_max), 1, 256, NULL,
	  "CoreDNS processes watched at once; further ones are counted and not watched (default 64)" },
	{ "max-packets", "N", FOR_SESSIONS, VALUE_COUNT, AT(limits.sightings_max), 1024, 16777216, NULL,
	  "DNS packets that wait for their session; above it the oldest is forgotten (default 262144)" },
	{ "max-tcp-connections", "N", FOR_ALL, VALUE_COUNT, AT(limits.tcp_connections_max), 16, 1048576, NULL,
	  "TCP connections whose packets are put together; above it the one silent for longest is forgotten (default "
	  "4096)" },
	{ "http", "ADDRESS:PORT|off", FOR_DAEMON, VALUE_STRING, AT(http), 0, 0, NULL,
	  "where /metrics, /healthz and /readyz are served (default 0.0.0.0:9166)" },
	{ "status", "STATUS", FOR_SESSIONS, VALUE_TERM, 0, 0, 0, selection_add_status,
	  "only Succeeded, Failed or SampleLoss; as the other filters repeatable: any of its values will do" },
	{ "bitmap", "N", FOR_SESSIONS, VALUE_TERM, 0, 0, 0, selection_add_bitmap, "only this BitMap, 0 to 15" },
	{ "cause", "CAUSE", FOR_SESSIONS, VALUE_TERM, 0, 0, 0, selection_add_cause,
	  "only this Cause (dnstap-analyser explain lists them)" },
	{ "rcode", "RCODE", FOR_ALL, VALUE_TERM, 0, 0, 0, selection_add_rcode,
	  "only this rcode of the response, such as SERVFAIL or 2" },
	{ "client", "PREFIX", FOR_ALL, VALUE_TERM, 0, 0, 0, selection_add_client,
	  "only clients in this address or prefix, such as 10.0.3.0/24" },
	{ "qname", "SUFFIX", FOR_ALL, VALUE_TERM, 0, 0, 0, selection_add_qname,
	  "only names that end in these labels, such as example.com" },
	{ "succeeded-sample", "N", FOR_SESSIONS, VALUE_COUNT, AT(selection.succeeded_sample), 1, UINT32_MAX, NULL,
	  "print one in N of Succeeded, and all that failed or was lost (default 1); counts stay exact" },
	{ "session-timeout", "DURATION", FOR_SESSIONS, VALUE_DURATION, AT(limits.session_timeout_ns), NS_PER_S,
	  600 * NS_PER_S, NULL, "stream time after which a session without a message ends (default 10s)" },
	{ "idle-timeout", "DURATION", FOR_DAEMON, VALUE_DURATION, AT(limits.idle_timeout_ns), NS_PER_S, 3600 * NS_PER_S,
	  NULL,
	  "silence after which open sessions end, for CoreDNS 1.9.1 to 1.13.1, which holds frames back (default 60s)" },
	{ "max-sessions", "N", FOR_SESSIONS, VALUE_COUNT, AT(limits.sessions_max), 1, 16777216, NULL,
	  "open sessions; above it the oldest ends as analyser_overload (default 100000)" },
	{ "max-memory", "SIZE", FOR_SESSIONS, VALUE_SIZE, AT(limits.memory_max), 1 << 20, 1024 * GIB, NULL,
	  "memory for open sessions and their messages; the same above it (default 256MiB)" },
	{ "max-closed", "N", FOR_SESSIONS, VALUE_COUNT, AT(limits.closed_max), 0, 16777216, NULL,
	  "closed sessions remembered for late frames; above it the oldest is forgotten (default 262144)" },
	{ "max-servers", "N", FOR_SESSIONS, VALUE_COUNT, AT(limits.servers_max), 1, 65536, NULL,
	  "CoreDNS servers told apart; further ones share one without a name (default 1024)" },
	{ "max-connections", "N", FOR_DAEMON, VALUE_COUNT, AT(connections_max), 1, 65536, NULL,
	  "dnstap connections at once; further ones are closed (default 1024)" },
	{ "max-frame-size", "SIZE", FOR_SESSIONS, VALUE_SIZE, AT(frame_max), 512, 16 << 20, NULL,
	  "one dnstap frame; a larger one ends its connection (default 128KiB)" },
	{ "output-queue", "SIZE", FOR_ALL, VALUE_SIZE, AT(output_queue_max), 1 << 20, 16 * GIB, NULL,
	  "output waiting for its reader; Succeeded is dropped from half of it on, Failed last (default 64MiB)" },
	{ "log-level", "LEVEL", FOR_ALL, VALUE_LEVEL, AT(log_level), 0, 0, NULL,
	  "error, warn, info or debug (default info; replay: warn)" },
	{ "markdown", NULL, FOR_EXPLAIN, VALUE_FLAG, AT(markdown), 0, 0, NULL, "all topics as Markdown" },
};

enum { OPTIONS = sizeof(table) / sizeof(*table) };

static int set_number(void *at, const struct option *opt, const char *value)
{
	enum value_unit unit = opt->kind == VALUE_DURATION ? VALUE_UNIT_NS
			       : opt->kind == VALUE_SIZE   ? VALUE_UNIT_BYTES
			       : opt->kind == VALUE_OCTAL  ? VALUE_UNIT_OCTAL
							   : VALUE_UNIT_ONE;
	char allowed[128];
	uint64_t n;

	if (value_parse(value, unit, &n) && n >= opt->min && n <= opt->max) {
		memcpy(at, &n, sizeof(n));
		return 0;
	}
	value_range_text(unit, opt->min, opt->max, allowed, sizeof(allowed));
	return options_complain(opt->name, value, allowed);
}

static int add_endpoint(struct endpoints *endpoints, const struct option *opt, const char *value)
{
	struct endpoint_address at;
	const char *why = "too many";

	if (endpoints->nr == ENDPOINTS_MAX || !endpoint_parse(value, &endpoints->list[endpoints->nr], &why))
		return options_complain(opt->name, value, why);
	if (opt->at == AT(listen) && endpoint_address(&endpoints->list[endpoints->nr], &at) < 0)
		return options_complain(opt->name, value, "a listener needs a numeric address");
	endpoints->nr++;
	return 0;
}

static int set_format(enum format *at, const struct option *opt, const char *value)
{
	if (strcmp(value, "json") == 0)
		*at = FORMAT_JSON;
	else if (strcmp(value, "text") == 0)
		*at = FORMAT_TEXT;
	else
		return options_complain(opt->name, value, "expected json or text");
	return 0;
}

static int set_option(struct options *o, const struct option *opt, const char *value)
{
	void *at = (char *)o + opt->at;

	switch (opt->kind) {
	case VALUE_FLAG:
		*(bool *)at = true;
		return 0;
	case VALUE_DURATION:
	case VALUE_SIZE:
	case VALUE_COUNT:
	case VALUE_OCTAL:
		return set_number(at, opt, value);
	case VALUE_STRING:
		*(const char **)at = value;
		return 0;
	case VALUE_ENDPOINT:
		return add_endpoint(at, opt, value);
	case VALUE_FORMAT:
		return set_format(at, opt, value);
	case VALUE_LEVEL:
		return log_level_parse(value, at)
			       ? 0
			       : options_complain(opt->name, value, "expected error, warn, info or debug");
	case VALUE_MODE:
		return options_set_mode(at, opt->name, value);
	case VALUE_PORT:
		return options_add_port(&o->probe, opt->name, value);
	case VALUE_PID:
		return options_add_pid(&o->probe, opt->name, value);
	case VALUE_NETNS:
		return options_add_netns(&o->probe, opt->name, value);
	case VALUE_TERM:
		return opt->add_term(&o->selection, value)
			       ? 0
			       : options_complain(opt->name, value,
						  "not understood, or more than 32 of them; see --help");
	}
	return -EINVAL;
}

static const struct option *find_option(const char *name, size_t len)
{
	for (unsigned i = 0; i < OPTIONS; i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){
		.limits = engine_limits_default(),
		.connections_max = PRODUCERS_MAX_DEFAULT,
		.frame_max = FRAME_DATA_MAX_DEFAULT,
		.output_queue_max = SINK_QUEUE_MAX_DEFAULT,
		.socket_mode = 0660,
		.log_level = LOG_INFO,
		.probe = { .ring_size = PROBE_RING_DEFAULT, .watches_max = PROBE_WATCHES_MAX_DEFAULT },
	};
}

static const struct {
	const char *name;
	enum command command;
} commands[] = {
	{ "replay", COMMAND_REPLAY }, { "explain", COMMAND_EXPLAIN }, { "trace", COMMAND_TRACE },
	{ "help", COMMAND_HELP },     { "version", COMMAND_VERSION },
};

static bool take_command(struct options *o, const char *word)
{
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(word, commands[i].name) == 0) {
			o->command = commands[i].command;
			return true;
		}
	}
	return false;
}

/* One argument that begins with --, and its value behind '=' or in the next. Returns how many were used, or -EINVAL. */
static int take_option(struct options *o, int left, char **argv)
{
	const char *name = argv[0] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *opt = find_option(name, len);
	const char *value = equals ? equals + 1 : NULL;
	int used = 1;

	if (!opt || !(opt->commands & 1U << o->command))
		return options_complain(argv[0], NULL,
					opt ? "not an option of this command; see --help"
					    : "unknown option; see --help");
	if (opt->kind == VALUE_FLAG && equals)
		return options_complain(argv[0], NULL, "takes no value");
	if (opt->kind != VALUE_FLAG && !value) {
		if (left < 2)
			return options_complain(argv[0], NULL, "needs a value");
		value = argv[1];
		used = 2;
	}
	return set_option(o, opt, value) ? -EINVAL : used;
}

static int take_word(struct options *o, char *word)
{
	if (o->command == COMMAND_DAEMON || o->command == COMMAND_TRACE)
		return options_complain(word, NULL, "unknown command; see --help");
	if (o->nr_files == FILES_MAX)
		return options_complain(word, NULL, "too many files");
	o->files[o->nr_files++] = word;
	return 1;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int i = 1, used;

	set_defaults(o);
	if (argc > 1 && take_command(o, argv[1]))
		i++;
	if (o->command == COMMAND_REPLAY)
		o->log_level = LOG_WARN;
	for (; i < argc; i += used) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			o->command = COMMAND_HELP;
			return 0;
		}
		if (strcmp(argv[i], "--version") == 0) {
			o->command = COMMAND_VERSION;
			return 0;
		}
		if (strncmp(argv[i], "--", 2) == 0 && argv[i][2])
			used = take_option(o, argc - i, argv + i);
		else if (argv[i][0] == '-' && argv[i][1])
			used = options_complain(argv[i], NULL, "unknown option; see --help");
		else
			used = take_word(o, argv[i]);
		if (used < 0)
			return used;
	}
	if (o->command == COMMAND_REPLAY && o->nr_files == 0)
		return options_complain("replay", NULL, "which file? (- is stdin)");
	return 0;
}

static void help_section(const char *title, unsigned commands_of)
{
	printf("\n%s:\n", title);
	for (unsigned i = 0; i < OPTIONS; i++) {
		char left[48];

		if (table[i].commands != commands_of)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", table[i].name, table[i].placeholder ? " " : "",
			 table[i].placeholder ? table[i].placeholder : "");
		printf("  %-28s %s\n", left, table[i].help);
	}
}

void options_help(void)
{
	printf("Tells of every DNS query to CoreDNS what became of it, from CoreDNS's dnstap stream.\n\n"
	       "  dnstap-analyser [OPTIONS]                receive dnstap, print sessions\n"
	       "  dnstap-analyser replay FILE... [OPTIONS] the same from recordings (Frame Streams, gzip, zstd; - is "
	       "stdin)\n"
	       "  dnstap-analyser trace [OPTIONS]          the packets alone, no dnstap: a line for each DNS exchange "
	       "and "
	       "drop\n"
	       "  dnstap-analyser explain [TOPIC...]       what a Status, BitMap, Cause or field means, and what to "
	       "do\n"
	       "  dnstap-analyser --version | --help\n");
	help_section("Receiving", FOR_DAEMON);
	help_section("Watching packets, trace as well", FOR_PROBE);
	help_section("Sessions", FOR_SESSIONS);
	help_section("Output, trace as well", FOR_ALL);
	help_section("replay only", FOR_REPLAY);
	help_section("explain only", FOR_EXPLAIN);
	printf("\nA DURATION is a number with ms, s, m or h; a SIZE is bytes, or with KiB, MiB or GiB.\n"
	       "Exit status: 0 fine, 1 failed at run time, 2 usage.\n");
}
