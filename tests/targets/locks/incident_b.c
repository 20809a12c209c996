/* Incident (b), the program: its main is never reached. */
#include <stdlib.h>

int main(void)
{
	free(malloc(64));
	return 0;
}
