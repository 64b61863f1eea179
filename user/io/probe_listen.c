#include "probe_listen.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SOCKETS_MAX = 8192, /* of one process that are looked at: a busy forwarder has thousands */
	WAITING_MAX = 64,
	STATE_TCP_LISTEN = 10,
	STATE_UDP_UNCONNECTED = 7,
};

static int by_value(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

/* The inodes of the process's sockets, sorted. */
static unsigned sockets_of(pid_t pid, unsigned long *inodes)
{
	char path[64], target[64];
	const struct dirent *entry;
	unsigned nr = 0;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && nr < SOCKETS_MAX && (entry = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = 0;
		if (strncmp(target, "socket:[", 8) == 0)
			inodes[nr++] = strtoul(target + 8, NULL, 10);
	}
	if (fds)
		closedir(fds);
	qsort(inodes, nr, sizeof(*inodes), by_value);
	return nr;
}

/* Words of 32 bits in the machine's order, each in hexadecimal. */
static struct addr read_address(const char *hex, unsigned port)
{
	size_t len = strspn(hex, "0123456789ABCDEF");
	uint8_t ip[16] = { 0 };
	bool is_any = true;

	for (size_t word = 0; word < len / 8 && word < 4; word++) {
		char digits[9] = { 0 };
		uint32_t value;

		memcpy(digits, hex + word * 8, 8);
		value = (uint32_t)strtoul(digits, NULL, 16);
		memcpy(ip + word * 4, &value, 4);
		is_any &= value == 0;
	}
	if (is_any)
		return (struct addr){ .port = (uint16_t)port };
	return addr_from_bytes(slice_of(ip, len / 2 <= 16 ? len / 2 : 16), (uint16_t)port);
}

struct waiting {
	unsigned nr;
	struct addr list[WAITING_MAX];
};

/* proc(5): sl, local address, remote address, state, queues, timer, retransmissions, uid, timeout, inode. */
static void read_table(pid_t pid, const char *name, unsigned state, const unsigned long *inodes, unsigned nr_inodes,
		       struct waiting *out)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && out->nr < WAITING_MAX) {
		unsigned port, st;
		unsigned long inode;
		char local[40];

		if (sscanf(line, " %*[0-9]: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %lu", local, &port,
			   &st, &inode) == 4 &&
		    st == state && bsearch(&inode, inodes, nr_inodes, sizeof(inode), by_value))
			out->list[out->nr++] = read_address(local, port);
	}
	if (f)
		fclose(f);
}

static bool has_port(const struct waiting *w, uint16_t port)
{
	for (unsigned i = 0; i < w->nr; i++)
		if (w->list[i].port == port)
			return true;
	return false;
}

static bool has(const struct addr *list, unsigned nr, const struct addr *a)
{
	for (unsigned i = 0; i < nr; i++)
		if (addr_eq(&list[i], a))
			return true;
	return false;
}

unsigned listens_of(pid_t pid, struct addr *listens, unsigned nr, unsigned max)
{
	unsigned long *inodes = malloc(SOCKETS_MAX * sizeof(*inodes));
	unsigned nr_inodes = inodes ? sockets_of(pid, inodes) : 0;
	struct waiting udp = { 0 }, tcp = { 0 };

	if (!inodes)
		return nr;
	read_table(pid, "udp", STATE_UDP_UNCONNECTED, inodes, nr_inodes, &udp);
	read_table(pid, "udp6", STATE_UDP_UNCONNECTED, inodes, nr_inodes, &udp);
	read_table(pid, "tcp", STATE_TCP_LISTEN, inodes, nr_inodes, &tcp);
	read_table(pid, "tcp6", STATE_TCP_LISTEN, inodes, nr_inodes, &tcp);
	free(inodes);
	for (unsigned i = 0; i < udp.nr && nr < max; i++)
		if (has_port(&tcp, udp.list[i].port) && !has(listens, nr, &udp.list[i]))
			listens[nr++] = udp.list[i];
	return nr;
}
