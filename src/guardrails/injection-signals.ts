/**
 * What injected and jailbreaking texts say, as phrases. No signal is one word, and none but the plainest reaches the refusal
 * threshold alone. Every repetition is bounded, so that a search is linear in the length of the text.
 */
export interface InjectionSignal {
  id: string;
  /** How sure this phrase alone makes us, 0 to 1. */
  weight: number;
  pattern: RegExp;
}

const setAside = "(?:ignore|igmre|disregard|forget|neglect|(?:do not|don't|stop) (?:follow|obey|listen to)(?:ing)?)";
const instructions =
  "(?:instructions?|prompts?|rules|directions|directives?|guidelines|guidance|programming|polic(?:y|ies)|constraints)";
const statements = "(?:messages?|conversations?|information|context|tasks?|orders|commands?|text|articles?|questions?)";
const earlier = "(?:previous|prior|above|earlier|preceding|initial|original|former|past|system)";
/** People set aside their own words all the time. */
const notMine = "(?:(?!my\\b)\\w{1,24} ){0,4}?";

export const injectionSignals: readonly InjectionSignal[] = [
  {
    id: "injection.ignore_previous",
    weight: 0.8,
    pattern: new RegExp(
      `\\b${setAside} ${notMine}(?:${earlier}(?: \\w{1,24}){0,2}? ${instructions}|(?:your|ur) (?:\\w{1,24} ){0,2}?${instructions}|(?:all|any) (?:of )?(?:the |these )?(?:instructions|prompts|guidelines|directives))\\b`,
    ),
  },
  {
    id: "injection.ignore_previous",
    weight: 0.8,
    pattern:
      /\b(?:override|bypass|drop|discard|abandon|overwrite) (?:\w{1,24} ){0,3}?(?:your (?:\w{1,24} ){0,2}?(?:instructions|prompts?|programming|guidelines|directives)|(?:previous|prior|above|preceding|initial) (?:\w{1,24} ){0,2}?(?:instructions|prompts?|guidelines|directives))\b/,
  },
  {
    id: "injection.ignore_previous",
    weight: 0.5,
    pattern: new RegExp(
      `\\b${setAside} ${notMine}(?:${earlier}|provided|all)(?: (?!my\\b)\\w{1,24}){0,2}? (?:${statements}|rules)\\b`,
    ),
  },
  {
    id: "injection.ignore_previous",
    weight: 0.8,
    pattern:
      /\b(?:ignore|disregard|forget) (?:the |all |all the |everything |what |whatever |all of )?(?:the )?(?:instructions? |things |text )?(?:above and (?:say|instead|tell|print|output|write)|you (?:got|were given|received|were told|have learned))/,
  },
  {
    id: "injection.forget_everything",
    weight: 0.6,
    pattern:
      /(?:^|[.!?:;,] ?|\b(?:now|please|and|but|you|must|to) )(?:forget|ignore) (?:everything|all)(?: of)?(?:[.,!:]| that| you| i | before| above| from| and| we)/,
  },
  {
    id: "injection.ignore_previous",
    weight: 0.8,
    pattern:
      /\b(?:vergiss|vergessen sie|ignoriere?n?|missachte|lassen sie|höre nicht auf)(?: sie)?(?: bitte)? (?:alles|alle|sämtliche|die|deine|ihre)(?: \S{1,24}){0,3}? ?(?:davor|zuvor|vorherigen?|bisher|bisherigen|anweisungen|instruktionen|informationen|gesagte|regeln|besprochen)/,
  },
  {
    id: "injection.ignore_previous",
    weight: 0.8,
    pattern:
      /(?:\b(?:ignora|ignore|ignorez|ignorer|olvida|olvide|olvidar|oublie|oubliez|esqueça|dimentica|ignorare)(?: \S{1,24}){0,3} (?:instruc\S{1,24}|instructions|istruzioni|consignes|órdenes|reglas|anterior\S{0,24}|précédent\S{0,24}|todo (?:lo )?que|todo antes))|(?:忽略|无视|忘记|忘掉|不要理会)[^。！？]{0,12}(?:指令|提示|要求|规则|设定|指示|内容|一切)/,
  },
  {
    id: "injection.unrestricted",
    weight: 0.5,
    pattern:
      /\b(?:free (?:of|from)|no longer (?:bound|restricted|limited|subject)|not (?:bound|restricted|limited|subject)|without|has no|have no|with no|lacks?|doesn't follow|does not (?:follow|have)|broken free|disregards?|ignores?|bypass(?:es)?)\b[^.!?]{0,60}\b(?:restrictions?|filters?|filtering|limitations?|limits|guidelines|ethic(?:s|al)?|moral(?:s|ity)?|censorship|polic(?:y|ies)|confines|laws?|rules|principles)\b/,
  },
  {
    id: "injection.unfiltered_persona",
    weight: 0.4,
    pattern:
      /\b(?:unfiltered|uncensored|amoral|unrestricted|unlimited|unhinged|unethical|immoral|lawless|evil|rebellious)\b[^.!?]{0,50}\b(?:ai|a\.i\.|chatbot|bot|gpt|assistant|language model|persona|character|response|answer|version|advice|manner|way|mode)s?\b/,
  },
  {
    id: "injection.named_jailbreak",
    weight: 0.6,
    pattern:
      /\bdo anything now\b|\bdan(?: mode|,? (?:which|who|stands)|\]|:| would| can | is )|\bdeveloper mode\b[^.!?]{0,40}\b(?:enabled|output|response|on)\b|\b(?:jailbr(?:eak|oken)|jailbreak(?:ed|ing)? (?:mode|prompt|yourself))\b|\b\w{1,12}gpt\b[^.!?]{0,80}\b(?:unfiltered|unethical|immoral|no rules|anything|illegal|opposite|evil)\b|\b(?:jail ?broken|dan|stan|aim|dude|evil|anti|based|opposite)[ -]?(?:gpt|mode)\b/,
  },
  {
    id: "injection.persona",
    weight: 0.3,
    pattern:
      /\b(?:from now on|you are now|you will now|you are going to|you're going to|i want you to|you will be|you must|let's|we are going to|you are to|in this chat)\b[^.!?]{0,60}\b(?:act|acting|pretend|role ?play|simulate|respond as|answer as|play|immerse|persona|personality|character|called|named)\b|\b(?:pretend (?:to be|you are|that)|role ?play(?:ing)? as|immerse yourself|simulate being|act(?:ing)? as (?:if you|an ai|a chatbot|chatgpt)|you are now|takes? on the (?:role|persona))\b|扮演|从现在(?:起|开始)/,
  },
  {
    id: "injection.never_refuse",
    weight: 0.45,
    pattern:
      /\b(?:never|cannot|can not|can't|don't|do not|must not|not allowed to|won't|will not|without)\b[^.!?]{0,30}\b(?:refus(?:e|es|al|ing)|decline|reject|say(?:s|ing)? (?:no\b|that|you are|you're|"?i'?m sorry|"?i can)|warn(?:s|ings?)?|disclaimers?|apologi[sz]e|apologies|sorry|moraliz\w{1,24}|lecture)\b|不能说自己不/,
  },
  {
    id: "injection.no_matter_what",
    weight: 0.4,
    pattern:
      /\b(?:no matter|regardless of|any(?:thing)?)\b[^.!?]{0,25}\b(?:how|if|what|any|the|it)\b[^.!?]{0,30}\b(?:illegal|unethical|immoral|ethical|moral|legal|legality|harmful|dangerous|inappropriate|offensive|against|crazy)\b/,
  },
  {
    id: "injection.harm_allowed",
    weight: 0.35,
    pattern:
      /\b(?:illegal|unethical|immoral|harmful|dangerous|inappropriate|offensive|inhumane|derogatory|toxic)\b[^.!?]{0,40}\b(?:illegal|unethical|immoral|harmful|dangerous|inappropriate|offensive|inhumane|legal|hate|explicit)\b/,
  },
  {
    id: "injection.provider_policy",
    weight: 0.4,
    pattern:
      /\bopen ?ai(?:'s|s)?\b[^.!?]{0,30}\b(?:polic(?:y|ies)|guidelines?|rules?|terms|restrictions|limits?)\b|\b(?:content|usage|ethical|moral|safety) (?:polic(?:y|ies)|guidelines|filters?|protocols?|constraints)\b[^.!?]{0,60}\b(?:replaced|ignore[ds]?|bypass|disabled|not apply|do(?:es)? not|no longer|doesn't|removed|off|any|free)\b/,
  },
  {
    id: "injection.two_answers",
    weight: 0.4,
    pattern:
      /\b(?:two|2|both) (?:different |separate |distinct )?(?:ways|responses|answers|outputs|personas|personalities|styles|replies)\b|\[\W{0,3}(?:gpt|chatgpt|classic|normal|jailbreak|dan)\W{0,3}\]|两种不同的回复/,
  },
  {
    id: "injection.stay_in_character",
    weight: 0.35,
    pattern:
      /\b(?:stay|remain|keep|break|breaks|breaking|breaks?) (?:in |out of |your |being in )?(?:the )?character\b|\bstay a (?:dan|\w{1,24}gpt)\b/,
  },
  {
    id: "injection.addresses_model",
    weight: 0.2,
    pattern: /\b(?:chat ?gpt|gpt-?[345]|claude|gemini|large language model|as an ai|ai language model|openai)\b/,
  },
  {
    id: "injection.prompt_leak",
    weight: 0.76,
    pattern:
      /(?:^|[.!?:;,] ?|\b(?:please|now|then|and|instead|first|you|me) )(?:show|print|reveal|repeat|display|output|tell|give|leak|dump|list|return|expose|recite|share|what (?:is|are|was|were))(?: me| us| out| back| the user)?\b[^.!?]{0,50}\b(?:your (?:\w{1,24} )?(?:system |initial |original |hidden |secret |internal |exact |previous )(?:prompts?|instructions|messages?)|your prompts?\b|your embeddings|(?:the|your|system) (?:hidden|secret|initial) (?:system )?(?:prompts?|instructions)|the system (?:prompt|instructions)|all prompt texts?|those instructions)\b/,
  },
  {
    id: "injection.prompt_leak",
    weight: 0.6,
    pattern:
      /\b(?:repeat|print|output|copy)\b[^.!?]{0,20}\b(?:everything|all|text|words|content)\b[^.!?]{0,15}\babove\b|\bthe system prompt is\b|\bwhat (?:is|was) written above\b|(?:输出|显示|告诉我|概括)[^。！？]{0,10}(?:系统提示|提示词)/,
  },
  {
    id: "injection.fake_delimiter",
    weight: 0.5,
    pattern:
      /<\|im_(?:start|end)\|>|<\|(?:system|assistant|endoftext)\|>|\[\/?inst\]|<<\/?sys>>|<\/?(?:system|admin)(?:_prompt|_message)?>|\[(?:system|admin)\](?:\(#\w{1,24}\))?|###? ?(?:system|new instructions?|instructions? end)\b|\b(?:system|administrator|admin|developer|root) override\b|\bbegin (?:system|admin) (?:message|prompt)\b/,
  },
  {
    // Closes what the text stands in, and goes on in another's name.
    id: "injection.fake_turn",
    weight: 0.6,
    pattern: /<\/\w{1,24}> ?(?:system|developer|assistant|admin) ?:/,
  },
  {
    id: "injection.new_instructions",
    weight: 0.45,
    pattern:
      /\b(?:new|updated|revised|real|actual) (?:instructions?|statement|task|orders|directives?)\b ?(?:[:\-.]|follow|are|is|from)|\b(?:nun|jetzt) (?:folgen|kommen) (?:neue|weitere) (?:aufgaben|anweisungen)|\b(?:now|here) (?:further|new) tasks\b/,
  },
  {
    id: "injection.only_output",
    weight: 0.4,
    pattern:
      /\b(?:do not|don't)\b[^.!?]{0,40}\b(?:answer|look|respond|use)\b[^.!?]{0,40}\b(?:just|only|but|instead)\b[^.!?]{0,12}\b(?:output|say|print|write|answer|respond)\b|\binstead,? (?:just |only )?(?:say|output|print|write|tell me|respond with)\b|输出“提示注入/,
  },
  {
    id: "injection.hide_from_user",
    weight: 0.5,
    pattern:
      /\b(?:do not|don't|never|without)\b[^.!?]{0,12}\b(?:tell|telling|inform(?:ing)?|mention(?:ing)?|notify(?:ing)?|reveal(?:ing)?)\b[^.!?]{0,20}\b(?:the user|user|anyone about this|this (?:instruction|message))\b/,
  },
];

/** What reads as a request to an agent inside data nobody asked to act on. Ordinary mail says such things: a reason to look, no more. */
export const dataSignals: readonly InjectionSignal[] = [
  {
    id: "injection.request_in_data",
    weight: 0.5,
    pattern:
      /\bplease (?:\w{1,24} ){0,2}?(?:retrieve|grant|send|transfer|delete|schedule|unlock|disable|enable|add|remove|create|make|change|update|share|export|download|execute|run|order|purchase|buy|pay|withdraw|deposit|deploy|install|search|find|list|use|submit|generate|open|turn|set|modify|provide|access|fetch|get|book|cancel|move|post|forward|email|initiate|order|activate|deactivate|erase|dispatch|instruct|navigate|clear|tell|save|record|check|arrange|place|stop)\b/,
  },
  {
    id: "injection.send_away",
    weight: 0.55,
    pattern:
      /\b(?:send|email|forward|share|post|upload|transfer|mail)\b[^.!?]{0,80}\b(?:to|at|via)\b[^.!?]{0,40}(?:[\w.]{1,40}@[\w-]{1,40}\.|https?:\/\/)/,
  },
  {
    id: "injection.addresses_agent",
    weight: 0.4,
    pattern:
      /\b(?:dear|attention|hey|hello|to the|note to|as an?) (?:\w{1,24} )?(?:ai|assistant|agent|llm|language model|chatbot)\b/,
  },
];
