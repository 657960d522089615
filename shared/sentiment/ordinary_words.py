"""Short words that English texts are full of: a ticker written like one of them may be that word.

Words of two to five letters that stand at least 250 times in small letters in the texts that the
models were trained on and are in WordNet, inflected forms among them; stop words; words that are
tickers of American shares; and the abbreviations of business news (`AI`, `CEO`, `US`).
"""

_WORDS = """
abhor able about above acid acids act acts acute add added adds adult after again age aged agent
aging ago agree ahead ai aid aim air alarm alert all allow alone along also am amid among amp an and
angle any api app apply are area areas art as ask asked at atm auto avoid away awful baby back bad
bag bags ball band bank banks bar bark base based basic basin basis be bear beat beats bed been
began begin being bell below best bid big bill bills bird birth bit black blind block blood blue
board body bond bonds bone book books boom boost born boss both bound box boy brain brand brass
break bring broad broke brush build built bull busy but buy buys by cable cake call calls came can
cant cap car card cards care carry cart case cases cash cat catch cause cell cells cent ceo cfo
chain chart chase chat check chef chief child city civil claim class clean clear click clock close
code coin cold color come comes coo cook cool copy core cost costs could count court cover cpi crew
crime cross crude cto cues cut cuts cycle daily dark dash data date dates day days dead deaf deal
deals death debit debt deep delay did die died dish do does dog doing done dose down drag draw dread
drink drive drop drops drug drugs dry due dumb dust duty each early earn earth east easy eat edge
edges edit eight else email empty en end ended ends enjoy enter entry equal error esg etf eu euro ev
even event ever every exact exist exit extra eye face fact fair fall falls far fast fat fbi fda fed
fee feed feel fees feet fell felt few fewer field fight file files fill film final find finds fine
fire firm firms first fish fit five fix fixed flat floor flow flows fluid fly focus food for force
form forms found four fox fraud free fresh from front ft fuel full fully fun fund funds gain gains
game gap gas gate gave gay gdp gel gene genes get gets gift girl give given gives glad glass go goal
goes going gold gone good got grade great green grew grip group grow guard guide guy guys had half
hand happy hard has hate have he head heads hear heard heart heat heavy held help helps her here hi
high highs him his hit hits hold holds hole home hood hope host hot hotel hour hours house how huge
human ice id idea ideal ideas if in inch index info inner input into ipo iq iron irs is issue it
item items its jet job jobs join joint joy jump just keep keeps kept key kids kind kinda kinds king
knew know known knows label labor lack lake lame land large last late later law laws layer lead
leads learn least leave led left leg legal less let lets level life lift light like liked likes
limit line lines link lipid list live lived liver lives lng load loan loans local log long look
looks lose loss lost lot lots lousy love loved low lower luck macro made mail main major make makes
male man many march mark mass mat match may maybe me mean means media meet meets men met metal might
miles min mind mine minor mins miss mixed mm mode model money month moon more most motor mouse mouth
move moved moves movie much music must my name named names nasty near neat need needs net never new
newly news next nice night no non none north nose not note notes novel now nurse occur odds oecd of
off offer often oil ok old older on once one ones only onto opec open or oral order other ounce our
out outer over own owner pack page pages paid pain pair panel paper para park part parts party pass
past pay pc pe peak pen pens per phase phone photo pick picks piece pilot pin pipe place plan plane
plans plant plate play plays plus pm pmi point pool poor post power pr pre press prey price prime
print prior pro proof prove pull pure push put puts qe quick quite race raise rally ran range rapid
rare rate rates ratio reach read ready real red renal rep reset rest rich ride right ring rings rise
rises risk road rock rocks role roles roll room root rose rough round route row rude rule rules run
sad safe said sale sales same save saw say says scale score screw sea seal seat seats sec see seem
seems seen sees self sell send sense sent serum serve set sets seven shall shape share sharp she
shear sheet ship shock shop short show shown shows side sides sign signs sin since sit site sites
six size sizes skin sleep slip slips slow small snap snow so soft solar sold solid solve some son
song soon sorry sort sound south spac space speak speed spend spent split spot staff stage stake
stand star start state stay steam steel stem step steps stick still stock stop store story study
style such sum sun super sure swap sweet table take taken takes talk talks tap tape task tax taxes
team tech tell tells ten term terms test tests text than thank that the their them then there these
they thick thin thing think third this those three thru thus tight time timer times tip tires title
to today told too took tool tools top total touch tough town track trade treat tree trend trial
tried tries trip true try tube tumor turn turns tv tweet twice two type types ugly uk un under unit
units until up upon upper us usa usd use used user users uses using value vary very via video view
views vile virus visit voice vote wages wait walk wall want wants war warm was waste watch water
wave waves way ways we weak wear web wedge week weeks weird well went were west what when where
which while white who whole whom whose why wide wife wild will win wind wing wings wire wise wish
with woman women won wood word words work works world worry worse worst worth would write wrong
wrote year years yeast yes yet yield you young your zero zone zoom
"""

ORDINARY_WORDS = frozenset(_WORDS.split())
