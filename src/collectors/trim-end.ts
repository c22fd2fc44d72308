// Removes characters from the end of a text. Pure.

/**
 * A text without those of these characters that it ends with. Takes no longer than the text is long: a pattern such as
 * `/\n+$/` begins anew at every line break, and takes minutes for a megabyte of them that is followed by something else.
 */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
