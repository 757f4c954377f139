// What the world knows: things in the plural, what they are like, and what they do. The last word of an act is its key.

export interface Topic {
  readonly noun: string
  readonly kind: string
  readonly adjectives: ReadonlyArray<string>
  readonly acts: ReadonlyArray<string>
}

const table = `
foxes       | animals   | quick clever red        | hunt at night, eat mice, live in dens, raise cubs, cross open fields
owls        | birds     | quiet wise gray         | fly in the dark, catch mice, nest in trees, turn their heads, call at night
whales      | animals   | huge calm blue          | swim in oceans, sing long songs, eat tiny fish, travel in groups, breathe air
bees        | insects   | busy small loud         | make honey, visit flowers, build hives, follow one queen, sting in danger
cats        | pets      | soft clean proud        | chase toys, sleep all day, drink milk, climb trees, hide in boxes
horses      | animals   | strong tall fast        | run on grass, pull carts, eat hay, carry riders, live in stables
penguins    | birds     | round black funny       | walk on ice, dive for fish, guard their eggs, stand in groups, slide on snow
spiders     | creatures | thin patient dark       | spin webs, catch flies, hide in corners, lay eggs, have eight legs
frogs       | animals   | green wet small         | jump over ponds, eat flies, sing after rain, swim with long legs, sleep in mud
turtles     | animals   | slow old calm           | carry hard shells, swim in oceans, eat grass, lay eggs, bury nests in sand
elephants   | animals   | huge gray gentle        | use their trunks, eat leaves, drink at rivers, travel in herds, remember old paths
wolves      | animals   | wild gray loyal         | hunt in packs, call at night, raise cubs, cross cold forests, follow one leader
apples      | fruits    | sweet red fresh         | grow on trees, fill warm pies, ripen in autumn, make good juice, keep for months
noodles     | dishes    | long soft warm          | cook in water, fill deep bowls, come with sauce, please hungry guests, need little time
soups       | dishes    | hot thick rich          | fill deep bowls, use fresh vegetables, warm cold hands, come with bread, cook for hours
cookies     | treats    | sweet crisp brown       | bake in ovens, come with milk, hold dark chocolate, fill small jars, please everybody
peppers     | plants    | hot red bright          | grow in gardens, burn the tongue, flavor warm sauce, need much sun, come in many colors
pies        | treats    | round warm sweet        | bake in ovens, hold soft fruit, cool on windows, feed big families, need good dough
trains      | machines  | long loud fast          | run on rails, stop at stations, carry heavy freight, cross high bridges, leave on time
boats       | vehicles  | light slow wooden       | float on lakes, use wide sails, carry fish, follow the wind, rest in harbors
bikes       | vehicles  | light cheap quick       | roll on two wheels, need no fuel, carry one rider, climb steep hills, fit in small rooms
clocks      | machines  | round exact old         | show the time, hang on walls, ring each hour, hide small gears, wake late sleepers
lamps       | things    | bright small warm       | light dark rooms, stand on desks, use little power, help late readers, need new bulbs
books       | things    | old quiet thick         | tell long stories, fill tall shelves, teach new words, open new worlds, rest on desks
drums       | tools     | round loud deep         | keep the beat, lead big parades, need strong hands, shake the floor, join many bands
pianos      | tools     | large heavy black       | play soft songs, fill big halls, have many keys, need good tuning, train both hands
kites       | toys      | light bright thin       | ride the wind, need strong string, amuse toddlers, dance in the sky, break in storms
robots      | machines  | strong exact cold       | build new cars, follow clear orders, clean large floors, never need sleep, use many sensors
phones      | devices   | small smart flat        | send short messages, take good photos, show many maps, need daily power, ring in pockets
cameras     | devices   | small black exact       | take good photos, catch bright light, store old memories, need clear lenses, help reporters
forests     | places    | green deep quiet        | hold tall trees, feed wild birds, clean the air, keep cool shade, hide old paths
deserts     | places    | dry hot wide            | hold much sand, get little rain, cool at night, grow sharp cactus, slow tired camels
rivers      | places    | long cold clear         | flow to oceans, carry fish, turn old mills, cut deep valleys, water green farms
islands     | places    | small green warm        | sit in oceans, host rare parrots, grow sweet coconuts, have soft beaches, need strong boats
caves       | places    | dark cold deep          | hide sleeping bats, hold old paintings, drip with water, echo each sound, run below hills
gardens     | places    | green bright calm       | grow fresh vegetables, draw busy bees, need daily water, hold many flowers, rest in winter
castles     | buildings | old huge solid          | guard high hills, have thick walls, hold golden rooms, host school classes, tell of kings
libraries   | buildings | quiet large old         | lend many books, help young students, open each morning, hold old maps, keep long shelves
markets     | places    | busy loud bright        | sell fresh fruit, open each morning, draw big crowds, smell of bread, fill old streets
mountains   | places    | high cold steep         | wear white snow, feed fast streams, test brave climbers, block the wind, touch the clouds
storms      | events    | loud dark wild          | bring heavy rain, break weak branches, shake old houses, scare small pets, pass by morning
volcanoes   | mountains | hot high wild           | throw black ash, spill red lava, shake the ground, sleep for centuries, build new islands
clouds      | things    | white soft high         | bring fresh rain, hide the sun, float on wind, change their shape, cool hot days
stars       | things    | bright far old          | shine at night, guide lost sailors, form strange shapes, burn for ages, fill the sky
doctors     | people    | kind smart busy         | help the sick, work in hospitals, study for years, give good advice, check the heart
pilots      | people    | calm exact brave        | fly large planes, read many maps, cross wide oceans, wear dark uniforms, watch the weather
farmers     | people    | strong busy patient     | grow fresh corn, rise before dawn, feed many cows, watch the weather, drive slow tractors
bakers      | people    | busy warm early         | knead soft dough, rise before dawn, sell fresh bread, heat big ovens, decorate tall cakes
painters    | people    | patient bold quiet      | mix bright colors, clean old brushes, study soft light, hang big pictures, visit galleries
teachers    | people    | kind patient wise       | explain hard things, help young students, read long tests, write on boards, ask good questions
`

/** All topics, in a fixed order. */
export const topics: ReadonlyArray<Topic> = table.trim().split("\n").map((line) => {
  const [noun, kind, adjectives, acts] = line.split("|").map((cell) => cell.trim())
  return { noun: noun!, kind: kind!, adjectives: adjectives!.split(" "), acts: acts!.split(", ") }
})

/** The word of an act that stands for it. */
export const keyOf = (act: string): string => act.slice(act.lastIndexOf(" ") + 1)

/** The words of a topic that show that an answer is about it: its adjectives and the keys of its acts. */
export const factWords = (topic: Topic): ReadonlyArray<string> => [...topic.adjectives, ...topic.acts.map(keyOf)]

const byNoun = new Map(topics.map((topic) => [topic.noun, topic]))

export const topicOf = (noun: string): Topic | undefined => byNoun.get(noun)
