//! The codes of problems: one table for the loader, the checks, the documentation and the tests.

/// Where in the file a problem is shown, where its path names an entry with a key and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At the value where it stands on one line, else at the key.
    Value,
    /// At the key.
    Key,
    /// At the value where that is a text, else at the key: where a name is one or the other.
    Name,
}

macro_rules! codes {
    ($($name:ident $code:literal $at:ident $meaning:literal $hint:literal;)*) => {
        /// What a problem is about; its code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($code, ": ", $meaning, ".")] $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the code as it is printed; `E` for errors and `W` for warnings.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Says what it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Says what to do about it, where nothing better is known.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }

            /// Whether what is written there may be a secret, which MUST NOT be shown.
            #[must_use]
            pub const fn hides(self) -> bool {
                matches!(self, Self::SecretText | Self::EnvName)
            }

            /// Says where it is shown.
            #[must_use]
            pub const fn at(self) -> At {
                match self { $(Self::$name => At::$at,)* }
            }
        }
    };
}

codes! {
    NotUtf8 "E0001" Value "the file is not UTF-8" "save the file as UTF-8";
    EmptyFile "E0002" Value "the file is empty" "start with `refrain: 1`, `name:` and `phases:`";
    Syntax "E0003" Value "the file is not YAML" "see the place shown; indent with spaces and quote texts with special characters";
    DuplicateKey "E0004" Key "a key is there twice" "keep one of the two";
    MergeKey "E0005" Key "a merge key `<<` without a mapping" "give it a mapping, or a list of some, such as `<<: *name`";
    Tag "E0006" Value "a tag such as `!!str`" "leave the tag out; quote a value to make it text";
    SeveralDocuments "E0007" Value "several documents in one file" "keep one pipeline per file; remove `---`";
    TooLarge "E0008" Value "the file is too large, too deep, or its aliases grow too much" "write the pipeline more plainly";
    KeyNotText "E0009" Value "a key that is no text" "quote the key; a template as a value must be quoted: \"{{ … }}\"";
    NotJson "E0010" Value "the file is not JSON" "see the place shown";

    UnknownField "E0101" Key "there is no such field" "see the fields listed, or `refrain schema pipeline`";
    ReservedField "E0102" Key "a field that is not available yet" "leave it out: this version does not act on it";
    MissingField "E0103" Key "a field is missing" "add it";
    WrongType "E0104" Value "a value has the wrong type" "write what is expected";
    NotAChoice "E0105" Value "a value is none of those allowed" "use one of those listed";
    BadName "E0106" Key "a name has the wrong shape" "start with a letter and go on with letters, digits, `_` and `-`, 64 at most";
    NumberRange "E0107" Value "a number is out of range" "use a number in the range";
    BadDuration "E0108" Value "not a duration" "write `500ms`, `60s`, `5m`, `2h` or `1m30s`";
    Shape "E0109" Value "the file does not have the shape of a pipeline" "compare it with `refrain schema pipeline`";
    Version "E0110" Value "a version of the format that is not known" "write `refrain: 1`";

    ProjectName "E0201" Value "the project has no usable name" "name it with printable characters on one line";
    NoPhases "E0202" Key "there are no phases" "declare at least one phase";
    NoValues "E0203" Key "a dimension without values" "list at least one value";
    RepeatedValue "E0204" Value "a dimension has a value twice" "keep one of the two";
    BadValue "E0205" Value "a dimension's value cannot be part of a scope's name" "use no `,`, `@`, `/`, `#`, line breaks or spaces at the ends, and leave none empty";
    Zero "E0206" Value "a number must be at least 1" "use 1 or more, or leave the field out";
    NoTime "E0207" Value "a length of time must be longer than zero" "write `60s` for instance, or leave the field out";
    PauseOrder "E0208" Value "the first pause is longer than the longest" "make `initial` at most `max`";
    ParamType "E0210" Key "a param without type and default" "say `type: string` for instance, or give a default";
    ParamDefault "E0211" Value "a param's default or choice does not fit" "make type, choices and default agree";
    ParamMissing "E0212" Key "a param has no value" "set it with `--set NAME=VALUE`, or give a default";
    SetUnknown "E0213" Key "`--set` names no param" "declare it under `params:`";
    SetType "E0214" Key "the value of `--set` does not fit" "give a value of the param's type";

    AgentKind "E0301" Key "an agent needs exactly one of `builtin`, `command`, `model`, `http` and `mcp`" "keep one of them";
    AgentField "E0302" Key "a field that does not fit the kind of agent" "leave it out";
    EmptyCommand "E0303" Key "a command without a program" "write `command: [program, argument]`";
    UnknownBuiltin "E0304" Value "nothing answers this agent" "see `refrain doctor` for the built-in agents";
    AgentParams "E0305" Value "the agent does not accept its settings" "see the agent's documentation";
    AgentAndAgents "E0306" Key "a phase has both `agent` and `agents`" "keep one of the two";
    NoAgent "E0307" Key "a phase has no agent" "add `agent: NAME` or `agents: { NAME: 1 }`";
    UnknownAgent "E0308" Name "there is no such agent" "declare it under `agents:`";
    InlineName "E0309" Key "an agent written in a phase has the name of another agent" "rename the agent or the phase";
    RoleInPool "E0310" Key "an agent that reads or writes files is in a pool" "give it a phase of its own with `agent:`";
    CommandFile "W0311" Value "a command names a file that is not there" "paths are relative to the project folder; a program on the PATH is named without `/`";
    NoRules "E0312" Value "an agent without rules for replies" "name an agent that offers them, such as one with `builtin: checks`";
    UnknownEndpoint "E0320" Value "there is no such endpoint" "declare it under `endpoints:`";
    NoAddress "E0321" Key "an endpoint does not say where it is" "add `base_url: http://…`, or `kind:` for a provider's own address";
    Address "E0322" Value "not an address" "write `https://host/path`; keys belong into the environment, see `api_key_env` and `headers`";
    FallbackCircle "E0323" Value "endpoints fall back on each other in a circle" "take one of them out of the circle";
    EnvName "E0324" Value "not the name of an environment variable" "write the name, such as `OPENAI_API_KEY`, and never the secret itself";
    Header "E0325" Key "a header that cannot be sent" "names have letters, digits and `-`; values stand on one line";
    UnknownServer "E0326" Name "there is no such server" "declare it under `servers:`";
    ServerKind "E0327" Key "a server needs exactly one of `command` and `url`" "keep one of the two";
    ServerField "E0328" Key "a field that does not fit the kind of server" "leave it out";
    RequiredTool "E0329" Value "a tool is required that the model may not use" "add it under `tools.from`";
    NoMoney "E0330" Value "a budget must be more than nothing" "use a number above 0, or leave the field out";
    NoCeiling "E0331" Value "a model without a ceiling under a budget" "add `max_tokens`, so that the most a call can cost is known before it is made";
    NoPrice "E0332" Value "a model without a price under a budget in dollars" "declare it under `prices:`";
    SecretText "E0333" Value "a secret is written in the file" "put it into the environment and name the variable: `api_key_env: NAME`, or `{ env: NAME }` for a header";
    IdlePrice "W0334" Key "a price that no agent uses" "name the model as agents do, or leave the price out";

    FileMissing "E0401" Value "there is no such file" "paths are relative to the project folder";
    SchemaNotJson "E0402" Value "a schema is not JSON" "write a JSON Schema";
    SchemaInvalid "E0403" Value "not a valid JSON Schema" "see what is said about it";
    SchemaRemote "E0404" Value "a schema refers to another document" "put what it needs under `$defs`";
    FileOutside "E0405" Value "a path leads out of the project" "use a path relative to the project folder, without `..`";

    TemplateSyntax "E0501" Value "a template does not parse" "write `{{ … }}` around values and `{% … %}` around statements";
    TemplateName "E0502" Value "a template reads something that is not there" "agent params see `params.NAME` and `scope.DIMENSION`";
    ExpressionSyntax "E0503" Value "a condition does not parse" "write a condition without `{{ }}`, such as `params.draft == false`";
    ExpressionName "E0504" Value "a condition reads something that is not there" "`when` sees params, scope and phases; `accept` sees reply and unit";
    ConditionPhase "E0505" Value "a condition reads a phase that may not have run" "add the phase to `needs` or `wants`";
    PromptText "E0506" Value "a prompt file is no text" "save the file as UTF-8";
    PromptName "E0507" Value "a prompt reads something that is not there" "prompts see `unit` or `units`, `context`, `scope`, `params` and, in a chain, `previous`";
    PromptBoth "E0508" Value "a prompt reads both `unit` and `units`" "read `unit` to be told about each unit by itself, or `units` to be told about all of a call";
    PromptSystem "E0509" Value "a system prompt hangs on the unit where units are packed" "move it to `prompt`, or leave `pack` out";
    PromptUnread "W0510" Value "a prompt that no model is told" "leave it out, or use `model:` for an agent of the phase";

    UnknownPhase "E0601" Value "there is no such phase" "declare it under `phases:`";
    UnknownDimension "E0602" Value "there is no such dimension" "declare it under `dimensions:`";
    SelfReference "E0603" Value "a phase names itself" "leave it out";
    NeedAndWant "E0604" Value "a phase is in both `needs` and `wants`" "keep it in `needs` if it must be there, else in `wants`";
    SeveralNeeds "E0605" Key "several needs and no `units`" "say which one is split: `units: { of: PHASE }`";
    NoInput "E0606" Key "a phase without input" "say what is split: `units: { of: PHASE }`";
    Cycle "E0607" Value "phases wait for each other" "take one of them out of the circle";
    Repeated "E0608" Value "a name is in a list twice" "keep one of the two";
    WiderScope "E0609" Value "a phase reads one that has more dimensions" "add `gather: [DIMENSION]` to read all its scopes at once, or `per: [DIMENSION]` to stay in scope";
    GatherNothing "E0610" Value "no phase that is read has the gathered dimension" "leave it out of `gather`";
    GatherAndPer "E0611" Value "a dimension is in both `per` and `gather`" "keep one of the two";
    OnlyDisabled "E0612" Value "the only source of units is disabled" "enable it, name another one, or disable this phase too";
    ReadsFiles "E0613" Value "a phase reads one that writes files" "read the phase whose records it writes";
    SplitKinds "E0614" Key "units are split in more than one way" "keep one of `by`, `chunk` and `whole`";
    SplitDocument "E0615" Value "a document cannot be split into records" "add `whole: true` to `units`";
    KeysDiffer "E0616" Value "the phases of `units.of` have different keys" "give them the same `output.key`";

    ContextSource "E0620" Key "a context entry needs exactly one of `from` and `file`" "keep one of the two";
    ContextSelect "E0621" Key "a context entry selects in more than one way" "keep one of `on`, `match` and `window`";
    WithinAlone "E0622" Key "`within` without `window`" "add `window: 2` for instance, or leave `within` out";
    WindowSource "E0623" Key "a window over a phase that the units do not come from" "use `from:` with the phase of `units.of`";
    WindowUnits "E0624" Key "a window around units that are not single records" "leave `by`, `chunk` and `whole` out, or the window";
    ContextName "E0625" Key "a context entry has a reserved name" "use another name";
    SelectDocument "E0626" Key "`on`, `match` and `window` need records" "leave the selection out, or read a phase that makes records";
    ContextField "E0627" Value "a context file has no such field" "name a column of the file";
    ContextDelimiter "E0628" Value "`delimiter` does not fit a context file" "write what stands between its cells: `delimiter: \";\"`, or `tab`";
    TermTwice "W0629" Value "a term has two entries with other translations" "keep one of them; several translations of one entry stand with `|` between them";

    AcceptFan "E0630" Key "`accept` without `fan: cascade`" "add `fan: cascade`, or leave `accept` out";
    SamplesFan "E0631" Value "samples in a cascade or a chain" "use `fan: panel`, or leave `samples` out";
    OneAsk "W0632" Value "one agent makes no panel, cascade or chain" "add agents or samples, or leave `fan` out";

    UnionFields "E0640" Value "`union` without fields, or with one twice" "name the fields that make two records the same";
    MergeDocument "E0641" Value "`vote` and `union` need records" "use `output: { records: … }`, or `first` or `last`";
    SureConflict "E0642" Key "every unit gets several replies for one record" "add `merge: vote`, `first` or `last`, or use `fan: split`";
    UnionAligned "E0643" Value "`union` makes keys of its own, `aligned` keeps those of the input" "use `vote`, `first` or `last`, or leave `aligned` out";
    IdleMerge "W0644" Value "there is never more than one reply per record to merge" "leave `merge` out";

    Quorum "E0650" Value "a quorum is more than 0 and at most 1" "write `quorum: 0.95` for instance";

    OutputKinds "E0660" Key "an output is either records or a document" "keep one of the two";
    DocumentField "E0661" Key "a document has no key, is not aligned and has no rules" "leave it out, or make records";
    NoKey "E0662" Key "records without a key" "name the field that tells records apart: `output: { key: FIELD }`";
    AlignedWhole "E0663" Value "`aligned` needs units of records" "leave `whole` or `aligned` out";
    AlignedDocument "E0664" Value "`aligned` needs an input of records" "leave `aligned` out";
    AlignedKey "E0665" Value "an aligned output of groups has the key of its input" "use the same key";
    EmptyField "E0666" Value "a field's name is empty" "name a field";
    CarryGroup "E0668" Key "`carry` needs units of single records" "leave `by`, `chunk` and `whole` out, or `carry`";

    ReadField "E0670" Key "a field that does not fit a phase that reads" "leave it out";
    WriteField "E0671" Key "a field that does not fit a phase that writes" "leave it out";
    WriteUnits "E0672" Key "a phase that writes does not say what" "add `units: { of: PHASE }`";

    LockedUnits "E0680" Value "units cannot be locked where records do not have the ids of their units as keys" "both phases need records with the key of their input, and no `union`, `chunk`, `whole` or `gather`";
    LockedEarlier "E0681" Value "a phase is locked by one that does not come after it" "name a later phase whose records people edit";
    LockedScopes "E0682" Value "a phase is locked by one with other dimensions" "give both the same `per`";

    LoopShape "E0685" Key "a loop that does not fit together" "give exactly one of `for_each`, `while` or `until`, and `once`";
    LoopBody "E0686" Key "a phase that cannot be in a turn, or a loop without any" "add `in: LOOP` to phases with `input` of their own";
    LoopRead "E0687" Value "something of a turn is read where that turn is not" "read the loop: its document tells of all turns";
    LoopField "E0688" Key "a field that does not fit a loop" "leave it out";

    GivenField "E0690" Key "a field that does not fit a phase with `input` of its own" "leave it out, or leave `input` out";
    LetName "E0691" Key "a name that templates cannot use" "use letters, digits and `_`, and none of `params`, `scope`, `phases`, `loop`";
    Route "E0692" Value "a route leads to no phase that comes later" "name a phase that does not come before this one";
    RouteAlone "E0693" Key "a route that is never taken" "`on_false` needs `when`; `goto` and `on_success` exclude each other";
    Recover "E0694" Value "a `recover` entry that cannot be meant" "give a `value`, and kinds of failures that there are";
    GivenInput "E0695" Value "an input that its agent does not accept" "see what it declares; `refrain tools NAME` says it of a tool";
    OutputType "E0698" Key "a type of an output that there is not" "declare it under `outputs`";

    StepUnknown "E0801" Key "a steps file has a key that there is not" "see `docs/steps.md` for every key";
    StepRefused "E0802" Key "a key that is not part of the steps language" "leave it out";
    StepTwo "E0803" Value "two keys of a steps file exclude each other" "keep one of the two";
    StepTool "E0804" Value "there is no such tool" "`refrain tools` lists those there are";
    StepAction "E0805" Value "there is no such action" "`refrain tools NAME` lists the actions of a tool";
    StepParameter "E0806" Key "a parameter that the tool does not have" "`refrain tools NAME` lists the parameters of a tool";
    StepMissing "E0807" Key "a parameter is missing" "add it";
    StepType "E0808" Value "a parameter has the wrong type" "`refrain tools NAME` says what it takes";
    StepTwice "E0809" Value "two steps have one id" "rename one of the two";
    StepReserved "E0810" Value "the id of a step means something else" "use another id";
    StepRoute "E0811" Value "a route leads to no step" "name a step of the same list";
    StepBack "E0812" Value "a route leads to the step itself" "name a later step; to do a step again, use a loop";
    StepName "E0813" Value "a name that is neither a step nor an input" "name a step by its id, or an input";
    StepSelf "E0814" Value "a step reads itself" "read another step";
    StepLoop "E0815" Key "a loop that does not fit together" "write one of `for_each`, `while`, `create_parallel_queue` and `action_loop`, and its steps";
    StepInclude "E0817" Value "a file cannot be read in" "paths are relative to the project folder, and stay in it";
    StepAuto "E0818" Value "a value is left to a model, and there is none" "name one: `orchestrator: PROVIDER/MODEL`, or write the value";
    StepModel "E0819" Value "a step asks a model, and there is none" "name one, or use a tool";
    StepExpert "E0820" Value "there is no such expert or personality" "declare it under `experts:` or `personalities:`";
    InputRule "E0821" Value "a value breaks the rules of its input" "give another one";
    StepBoolean "E0822" Value "a word that other readers take for a boolean" "quote it, or use another word";
    StepOutside "E0823" Value "a tool would refuse a parameter" "paths stay in the project folder";
    StepResults "E0824" Value "`$results` is not part of the steps language" "write `{{ STEP.result }}`";
    StepPipeline "E0825" Value "another pipeline cannot be carried out" "it is a steps file of the project, and is given the inputs that it declares";
    StepsAndPhases "E0826" Key "a file is a steps file and a native one at once" "keep one of `steps` and `phases`";
    StepNoFit "E0827" Value "no model fits a step" "ask for less, or declare models under `models:`";
    Unanswered "W0828" Value "the orchestrator did not answer" "the run goes on without; `--no-intelligence` does not ask";
    ProductTwice "W0829" Value "two steps leave one file behind" "give one of the two another name";
    Misaligned "E0830" Value "the orchestrator is sure that the pipeline does not do what it is for" "mend the steps, or run with `--allow-misaligned`";
    Doubtful "W0831" Value "the orchestrator doubts that the pipeline does what it is for" "mend the steps, or write `intention:` yourself";
    PaidStandIn "W0832" Value "a model that costs money stands in for a free one" "name it under `fallback:`, or write `fallback_strategy: fail`";
}
