/* memtrace: picks the command; what each does is in cmd/. */
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	return cmd__run(argc, argv);
}
