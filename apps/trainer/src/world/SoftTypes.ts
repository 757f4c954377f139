// Soft constraints: no rule is meant to check them, but the world that writes them knows what shows that they were
// followed. A value is recognised by its marks, and by the absence of the marks of the other values of its type.

export interface SoftValue {
  /** How a constraint names the value. */
  readonly name: string
  readonly openers: ReadonlyArray<string>
  /** Matches an answer that has the value. */
  readonly mark: RegExp
}

export interface SoftType {
  readonly phrasings: (name: string) => ReadonlyArray<string>
  readonly values: Readonly<Record<string, SoftValue>>
}

export const softTypes: Readonly<Record<string, SoftType>> = {
  tone: {
    phrasings: (name) => [`Use a ${name} tone`, `Sound ${name}`, `Keep the tone ${name}`],
    values: {
      cheerful: { name: "cheerful", openers: ["Hooray!", "What a joy!", "How lovely!"], mark: /\b(hooray|joy|lovely)\b/i },
      sad: { name: "sad", openers: ["Alas.", "How sad.", "What a pity."], mark: /\b(alas|sad|pity)\b/i },
      angry: { name: "angry", openers: ["Grr!", "How annoying!", "Enough of this!"], mark: /\b(grr|annoying|enough)\b/i },
      formal: {
        name: "formal",
        openers: ["Please note the following.", "Hereby a statement.", "Kindly take note."],
        mark: /\b(please note|hereby|kindly)\b/i
      }
    }
  },
  audience: {
    phrasings: (name) => [`Write for ${name}`, `Speak to ${name}`, `Make it fit for ${name}`],
    values: {
      children: {
        name: "children",
        openers: ["Hello kids.", "Dear little ones.", "Come here children."],
        mark: /\b(hello kids|little ones|here children)\b/i
      },
      experts: {
        name: "experts",
        openers: ["Dear experts.", "Fellow scholars.", "For the specialists."],
        mark: /\b(dear experts|scholars|specialists)\b/i
      },
      tourists: {
        name: "tourists",
        openers: ["Welcome travelers.", "Dear visitors.", "Hello tourists."],
        mark: /\b(travelers|dear visitors|hello tourists)\b/i
      }
    }
  },
  persona: {
    phrasings: (name) => [`Talk like a ${name}`, `Answer as a ${name}`, `Play a ${name}`],
    values: {
      pirate: { name: "pirate", openers: ["Arr matey!", "Ahoy!", "Yo ho!"], mark: /\b(arr|ahoy|yo ho)\b/i },
      robot: { name: "robot", openers: ["Beep boop.", "Bleep.", "Input received."], mark: /\b(beep|bleep|input received)\b/i },
      wizard: {
        name: "wizard",
        openers: ["By my wand!", "Abracadabra!", "The spell speaks."],
        mark: /\b(wand|abracadabra|spell)\b/i
      }
    }
  },
  viewpoint: {
    phrasings: (name) => [`Use the ${name} view`, `Write from the ${name} view`, `Take the ${name} view`],
    values: {
      first: {
        name: "first person",
        openers: ["I know this well.", "Here is what I know.", "I like this question."],
        mark: /\bI\b/
      },
      second: {
        name: "second person",
        openers: ["You may know this.", "Here is what you need.", "You will like this."],
        mark: /\byou\b/i
      },
      group: {
        name: "group",
        openers: ["We know this well.", "Here is what we know.", "We like this question."],
        mark: /\bwe\b/i
      }
    }
  }
}

/**
 * Whether an answer has a soft property: a mark of the value, and none of another value of the same type. Throws a
 * RangeError for a type or value that the world does not have.
 */
export const softTruth = (constraint: { readonly type: string; readonly value: string }, answer: string): boolean => {
  const values = softTypes[constraint.type]?.values
  if (values?.[constraint.value] === undefined) {
    throw new RangeError(`the world has no soft constraint ${constraint.type}=${constraint.value}; make rows with buildWorld`)
  }
  return Object.entries(values).every(([value, { mark }]) => mark.test(answer) === (value === constraint.value))
}
