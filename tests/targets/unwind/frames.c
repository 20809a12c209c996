/* All cases that need nothing but C and assembly; built in many ways (Makefile). */
#include "known_stack.h"
#include "shapes.h"

int main(void)
{
	KNOWN(main);

	run_shapes();
	run_signals();
	run_asm();
	return 0;
}
