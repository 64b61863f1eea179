/*
 * The main() of a fuzz harness without a fuzzer: hands every file of the folders and files given, by default of
 * tests/fuzz/corpus/<name> (of the program fuzz_<name>), to LLVMFuzzerTestOneInput, which aborts when an invariant
 * breaks.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_LENGTH_MAX = 4096 };

/* -1: not readable. The copy has the file's exact size, so that the sanitizer sees a read past the end. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	struct stat st;
	int err = -1;

	if (!file || fstat(fileno(file), &st) != 0)
		goto out;
	bytes = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (!bytes || fread(bytes, 1, (size_t)st.st_size, file) != (size_t)st.st_size)
		goto out;
	/* An abort leaves no other trace of which file it was. */
	if (getenv("VERBOSE"))
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
	err = 0;
out:
	if (err)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(bytes);
	if (file)
		fclose(file);
	return err;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The number of files replayed, -1 on error. */
static int replay_folder(const char *folder)
{
	char path[PATH_LENGTH_MAX];
	struct dirent **entries;
	int n = scandir(folder, &entries, is_visible, alphasort);
	int err = 0;

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		err |= replay_file(path);
		free(entries[i]);
	}
	free(entries);
	return err ? -1 : n;
}

static int replay(const char *path)
{
	struct stat st;
	int n;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		n = replay_file(path) ? -1 : 1;
	else
		n = replay_folder(path);
	if (n < 0)
		return 1;
	printf("%s: %d inputs\n", path, n);
	return n == 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char folder[PATH_LENGTH_MAX];
	int failed = 0;

	name = name ? name + 1 : argv[0];
	if (argc < 2) {
		snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s",
			 strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
		return replay(folder);
	}
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed;
}
