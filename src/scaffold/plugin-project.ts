/** What a plugin is written in. */
export const LANGUAGES = ["typescript", "go", "python"] as const;

export type Language = (typeof LANGUAGES)[number];

export function isLanguage(word: string): word is Language {
  return LANGUAGES.some((language) => language === word);
}

/** A plugin that is to be, with everything its files need to know. */
export interface PluginProject {
  readonly language: Language;
  readonly name: string;
  /** Where it will be: `https://github.com/org/my-plugin`. Empty when that is not known yet. */
  readonly remoteUrl: string;
  readonly version: string;
  /** As SPDX calls it: `Apache-2.0`. */
  readonly license: string;
  readonly authors: readonly string[];
  readonly description: string;
}
