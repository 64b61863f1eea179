#include <stdio.h>

#include "daemon.h"
#include "explain.h"
#include "options.h"
#include "replay.h"
#include "trace_run.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static int explain_run(const struct options *o)
{
	struct buf text;
	int status = 0;

	buf_init(&text, 1 << 20);
	if (o->markdown)
		explain_markdown(&text);
	else if (o->nr_files == 0)
		explain_topics(&text);
	for (unsigned i = 0; i < o->nr_files; i++) {
		const struct explanation *e = explain_find(o->files[i]);

		if (e) {
			explain_print(e, &text);
			continue;
		}
		fprintf(stderr, "dnstap-analyser: explain: \"%s\": no such topic\n", o->files[i]);
		status = 2;
	}
	if (status)
		explain_topics(&text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	return status;
}

static int run(const struct options *o)
{
	switch (o->command) {
	case COMMAND_DAEMON:
		return daemon_run(o);
	case COMMAND_REPLAY:
		return replay_run(o);
	case COMMAND_EXPLAIN:
		return explain_run(o);
	case COMMAND_TRACE:
		return trace_run(o);
	case COMMAND_HELP:
		options_help();
		return 0;
	case COMMAND_VERSION:
		printf("dnstap-analyser %s\n", VERSION);
		return 0;
	}
	return 2;
}

int main(int argc, char **argv)
{
	static struct options o; /* large, and wanted until the end */
	int status;

	if (options_parse(&o, argc, argv) < 0)
		return 2;
	log_set_level(o.log_level);
	status = run(&o);
	/* What was printed by stdio may not have found room. */
	return fflush(stdout) == 0 && !ferror(stdout) ? status : 1;
}
