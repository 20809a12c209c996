/* memtrace: picks the command; what each does is in cmd/. */
#include "base/log.h"
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	int code = cmd__run(argc, argv);

	log__flush();
	return code;
}
