#include "base/text.h"

#include <stddef.h>

/* How many bytes the UTF-8 sequence at @s takes; 0 where there is no valid one. */
static size_t sequence_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : (s[0] >> 5) == 6 ? 2 : (s[0] >> 4) == 14 ? 3 : 4;

	if (length == 1)
		return s[0] < 0x20 || s[0] == 0x7f ? 0 : 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls (U+0080..9F), overlong forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
		(s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

void text__make_printable(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s) {
		size_t length = sequence_length(s);

		if (!length)
			*s = '?';
		s += length ? length : 1;
	}
}
