#include "probe_place.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe_listen.h"

enum { PATH_SIZE = 300 };

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

uint64_t place_netns_of(pid_t pid)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return inode_of(path);
}

/* "coredns" is "/coredns", "coredns-1.14.7" and "coredns_v1.14.7", but not "coredns-exporter". */
static bool is_called(const char *file, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(file, name, n) != 0)
		return false;
	/* An executable that was replaced under the running process. */
	return file[n] == 0 || strcmp(file + n, " (deleted)") == 0 ||
	       (strchr("-_.", file[n]) && (file[n + 1] == 'v' || (file[n + 1] >= '0' && file[n + 1] <= '9')));
}

static bool runs(pid_t pid, const char *name)
{
	char path[PATH_SIZE], target[PATH_SIZE];
	const char *file;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	file = strrchr(target, '/');
	return is_called(file ? file + 1 : target, name);
}

/* The host's namespace, if it can be told: that of the first process. */
static bool is_shared(uint64_t netns)
{
	return netns == place_netns_of(1);
}

/* One for each namespace; of the host's one for each process. */
static struct place *add(struct places *out, uint64_t netns, pid_t pid)
{
	struct place *place;
	bool shared = is_shared(netns);

	for (unsigned i = 0; i < out->nr; i++) {
		place = &out->list[i];
		if (place->netns == netns && (!shared || place->pid == pid)) {
			place->pid = place->pid ? place->pid : pid;
			return place;
		}
	}
	if (out->nr == PLACES_MAX) {
		out->is_full = true;
		return NULL;
	}
	place = &out->list[out->nr++];
	*place = (struct place){ .netns = netns, .pid = pid, .is_shared = shared };
	return place;
}

static void add_process(struct places *out, pid_t pid)
{
	uint64_t netns = place_netns_of(pid);
	struct place *place = netns ? add(out, netns, pid) : NULL;

	if (place)
		place->nr_listens = listens_of(pid, place->listens, place->nr_listens, PLACE_LISTENS_MAX);
}

static void each_process(void (*fn)(void *arg, pid_t pid), void *arg)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			fn(arg, (pid_t)pid);
	}
	closedir(proc);
}

struct search {
	const char *name;
	struct places *out;
};

static void take_if_called(void *arg, pid_t pid)
{
	struct search *search = arg;

	if (runs(pid, search->name))
		add_process(search->out, pid);
}

void places_find(const struct probe_options *options, struct places *out)
{
	struct search search = { options->process, out };

	out->nr = 0;
	out->is_full = false;
	for (unsigned i = 0; i < options->nr_netns; i++) {
		uint64_t netns = inode_of(options->netns[i]);
		struct place *place = netns ? add(out, netns, 0) : NULL;

		if (place)
			place->path = options->netns[i];
	}
	for (unsigned i = 0; i < options->nr_pids; i++)
		add_process(out, (pid_t)options->pids[i]);
	if (!search.name && !options->nr_netns && !options->nr_pids)
		search.name = "coredns";
	if (search.name)
		each_process(take_if_called, &search);
}

struct presence {
	uint64_t netns;
	bool is_there;
};

static void look_for_netns(void *arg, pid_t pid)
{
	struct presence *presence = arg;

	if (!presence->is_there && place_netns_of(pid) == presence->netns)
		presence->is_there = true;
}

bool place_is_inhabited(uint64_t netns)
{
	struct presence presence = { .netns = netns };
	DIR *names = opendir("/run/netns");
	const struct dirent *entry;

	while (names && !presence.is_there && (entry = readdir(names))) {
		char path[PATH_SIZE];

		snprintf(path, sizeof(path), "/run/netns/%.255s", entry->d_name);
		presence.is_there = entry->d_name[0] != '.' && inode_of(path) == netns;
	}
	if (names)
		closedir(names);
	if (!presence.is_there)
		each_process(look_for_netns, &presence);
	return presence.is_there;
}

/* --- inside */

struct visit {
	int netns, uts; /* descriptors of namespaces; uts -1: not known */
	int filter;
	int err;
	struct place_inside *out;
};

/* Nothing comes in before the filter is there: the socket is bound to no protocol until then. */
static int open_socket(int filter)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) == 0 &&
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static bool is_outward(const struct addr *a)
{
	if (a->len == 4)
		return a->ip[0] != 127;
	return a->len == 16 && !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)a->ip) &&
	       !IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)(const void *)a->ip);
}

static void read_addresses(struct place_inside *out)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i && out->nr_addresses < PLACE_ADDRESSES_MAX; i = i->ifa_next) {
		struct addr a = { 0 };

		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET)
			a = addr_from_bytes(slice_of(&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4), 0);
		else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6)
			a = addr_from_bytes(slice_of(&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, 16), 0);
		if (is_outward(&a))
			out->addresses[out->nr_addresses++] = a;
	}
	freeifaddrs(all);
}

static void *visit(void *arg)
{
	struct visit *v = arg;

	if (setns(v->netns, CLONE_NEWNET) < 0) {
		v->err = -errno;
		return NULL;
	}
	v->out->socket = open_socket(v->filter);
	read_addresses(v->out);
	if (v->uts >= 0 && setns(v->uts, CLONE_NEWUTS) == 0)
		gethostname(v->out->hostname, sizeof(v->out->hostname) - 1);
	return NULL;
}

static int open_netns(const struct place *place)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)place->pid);
	return open(place->pid ? path : place->path, O_RDONLY | O_CLOEXEC);
}

static int open_uts(const struct place *place)
{
	char path[PATH_SIZE];

	if (!place->pid)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)place->pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int place_enter(const struct place *place, int filter, struct place_inside *out)
{
	struct visit v = { .netns = open_netns(place), .uts = open_uts(place), .filter = filter, .out = out };
	pthread_t thread;
	int err;

	*out = (struct place_inside){ .socket = -EINVAL };
	if (v.netns < 0) {
		err = -errno;
	} else {
		err = -pthread_create(&thread, NULL, visit, &v);
		if (!err)
			pthread_join(thread, NULL);
	}
	if (v.netns >= 0)
		close(v.netns);
	if (v.uts >= 0)
		close(v.uts);
	if (err || v.err)
		return err ? err : v.err;
	return out->socket < 0 ? out->socket : 0;
}
