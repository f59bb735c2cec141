# A short scene after the end, as a Ren'Py game would have it. To try it, see `files:` in refrain.yaml.

define q = Character("Mrs Quill")
define p = Character("[player]")
define s = Character("Stamp")

label bottle:

    scene beach morning

    "The morning after Lantern Night. The tide has left three shells, one boot and a bottle."
    "The bottle is addressed to the post office."

    q "It's not franked."
    p "It's from the sea, Mrs Quill."
    q "The sea knows the rates. {w}It has had plenty of time to learn them."

    menu:
        "Open the bottle.":
            jump bottle_open
        "Put it on the scales.":
            s "Mrrp."
            q "He says it's overweight. {w=0.5}He would know."
            jump bottle_open

label bottle_open:

    p "There's a letter in it. It says, \"Thank you for yours.\""
    q "{i}Which{/i} of ours?"
    p "All of them, I think. There are %s of them."
    q "Well. {w}Somebody will have to answer that."
    p "Shall I get the ink?"
    q "Get the big bottle.\nThe sea reads slowly."
    s "Mrrp."

    return
