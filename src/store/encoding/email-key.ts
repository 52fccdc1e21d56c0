import { caseFold } from 'unicode-case-folding';

/**
 * The form in which emails are compared and stored as unique keys: Unicode NFC, then full case folding (the C and F
 * mappings of CaseFolding.txt), then NFC again, because folded letters may compose where the original ones did not.
 * The mappings come from a pinned library and not from `toLowerCase`, which knows no "ß" = "SS" and no final sigma,
 * and whose result may change with the version of Node under keys that are stored already.
 */
export function emailKeyOf(email: string): string {
  return caseFold(email.normalize('NFC')).normalize('NFC');
}
