/**
 * What a shell runs to complete a line that begins with "leat". All of them ask the program itself, `leat complete`, so
 * they need not change when it does. It answers with lines of a word, a tab and its description, or with ":files".
 */
export const completionScripts = {
  // bash breaks words at "=" and ":" too, where the program does not; what stands before the last one is kept there.
  bash: `_leat() {
  local line=\${COMP_LINE:0:COMP_POINT} words word kept candidate IFS=$' \\t\\n'
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word=\${words[\${#words[@]} - 1]}
  kept=\${word%"\${word##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    candidate=\${candidate%%$'\\t'*}
    if [[ $candidate == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
      done < <(compgen -f -- "\${word##*=}")
    else
      COMPREPLY+=("\${candidate#"$kept"}")
    fi
  done < <("$1" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o nosort -F _leat leat 2>/dev/null || complete -F _leat leat
`,
  zsh: `#compdef leat
_leat() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
    elif [[ -n $line ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  if (( $#candidates )); then
    _describe -V leat candidates
  fi
}
if [[ $funcstack[1] == _leat ]]; then
  _leat "$@"
else
  compdef _leat leat
fi
`,
  fish: `function __leat_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (leat complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c leat -f -k -a '(__leat_complete)'
`,
} as const;

export type Shell = keyof typeof completionScripts;
