#include "capture.h"

#include <errno.h>

struct capture *capture_open(const char *path, const char **why)
{
	(void)path;
	*why = "this build reads no captures (PCAP=0)";
	return NULL;
}

void capture_close(struct capture *c)
{
	(void)c;
}

int capture_next(struct capture *c, struct packet *out)
{
	(void)c;
	(void)out;
	return -EIO;
}

const char *capture_error(const struct capture *c)
{
	(void)c;
	return "";
}

const struct capture_stats *capture_stats(const struct capture *c)
{
	static const struct capture_stats none;

	(void)c;
	return &none;
}
